// For each text that can be seen: its contrast with what is behind it, its beginning, its colour and where it is. Colours
// are laid over each other as the browser does.
() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const parse = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, below) => [...[0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])), 1];
  const linear = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((value) => linear(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratio = (one, other) => {
    const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (lighter + 0.05) / (darker + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const found = [];
  const add = (element, style, text) => {
    const back = behind(element);
    found.push([ratio(over(parse(style.color), back), back), text.trim().slice(0, 40), style.color,
      element.className || element.id || element.localName]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest('button:disabled, script, noscript')) continue;
    add(element, getComputedStyle(element), walker.currentNode.data);
  }
  for (const input of document.querySelectorAll('input')) {
    if (input.checkVisibility()) add(input, getComputedStyle(input, '::placeholder'), 'placeholder');
  }
  for (const cell of document.querySelectorAll('.cards td, .cards tbody th')) {
    const style = getComputedStyle(cell, '::before');
    if (style.content !== 'none' && cell.checkVisibility()) add(cell, style, `label ${cell.dataset.label}`);
  }
  return found;
}
