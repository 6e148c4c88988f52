// What the document is made of now. `begin` is how a hostile text begins, if that can be told from the page's own.
(begin) => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const mixed = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (begin && data.includes(begin) && !parentElement.closest('bdi, pre, script, style')) mixed.push(data.slice(0, 60));
  }
  const hidden = new RegExp('[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u200b-\\u200f\\u061c\\u2028-\\u202e\\u2066-\\u2069]'
    + '|\\p{Surrogate}', 'u');
  return {
    names: [...new Set(all('body *').map((element) => element.localName))],
    scripts: document.scripts.length,
    styles: all('style, link[rel=stylesheet]').length,
    links: all('a').filter((link) => !link.getAttribute('href').startsWith('#')).length,
    handlers: all('*').filter((element) => element.getAttributeNames().some((name) => name.startsWith('on'))).length,
    raw: ['content', 'detail'].some((id) => hidden.test(document.getElementById(id).textContent)),
    isolated: all('#content bdi, #detail bdi').every((text) => getComputedStyle(text).unicodeBidi === 'isolate'),
    // Hostile texts that are laid out together with the page's own.
    mixed,
    tall: Math.max(...all('#content tbody tr').map((row) => row.getBoundingClientRect().height)),
    wide: document.documentElement.scrollWidth - innerWidth,
  };
}
