// What would be in the way of a screen reader, in words.
() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const textOf = (ids) => (ids ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
  const nameOf = (element) => [element.getAttribute('aria-label'), textOf(element.getAttribute('aria-labelledby')),
    ...[...(element.labels ?? [])].map((label) => label.textContent),
    ['BUTTON', 'A'].includes(element.tagName) ? element.textContent : ''].join(' ').trim();

  for (const element of all('input, select, button, a, nav, dialog, section, table, svg[role=img], [tabindex="0"]')) {
    if (!nameOf(element)) faults.push(`no name: ${element.outerHTML.slice(0, 80)}`);
  }
  const ids = all('[id]').map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`twice: ${id}`);
  for (const element of all('[aria-labelledby], [aria-describedby], label[for]')) {
    const named = ['aria-labelledby', 'aria-describedby', 'for'].map((name) => element.getAttribute(name) ?? '');
    for (const id of named.join(' ').split(' ').filter((one) => one)) {
      if (!ids.includes(id)) faults.push(`no such element: ${id}`);
    }
  }
  for (const head of all('thead th')) if (head.scope !== 'col') faults.push('a head of a column without scope');
  for (const row of all('#content tbody:not(.spacer) tr')) {
    if (row.firstChild.scope !== 'row') faults.push('a row without head');
    if (row.children.length !== row.closest('table').tHead.rows[0].cells.length) faults.push('cells and columns differ');
  }
  const levels = all('#app h1, #app h2, #app h3').map((element) => Number(element.localName[1]));
  if (levels[0] !== 1 || levels.some((level, place) => place && level > levels[place - 1] + 1)) {
    faults.push(`headings ${levels}`);
  }
  if (all('main').filter((element) => element.checkVisibility()).length !== 1) faults.push('not one main');
  if (!document.documentElement.lang) faults.push('no language');
  if (document.getElementById('verdict').ariaLive !== 'polite') faults.push('the verdict is not live');
  for (const element of all('[aria-live], [role=status], [role=alert]')) {
    if (element.matches('[data-tick], :has([data-tick])')) faults.push('a live region that ticks');
  }
  return faults;
}
