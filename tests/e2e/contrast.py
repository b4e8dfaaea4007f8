"""Text that is hard to read, and stops of the keyboard that nobody sees (WCAG 2.2: 1.4.3, 2.4.7)."""

from typing import Any, Final

from playwright.sync_api import Page

_FIND_PALE: Final[str] = r"""() => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 1;
    const pen = canvas.getContext('2d', {willReadFrequently: true});
    const known = new Map();
    const parse = color => {
        if (!known.has(color)) {
            pen.clearRect(0, 0, 1, 1);
            pen.fillStyle = color;
            pen.fillRect(0, 0, 1, 1);
            const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
            known.set(color, [r, g, b, a / 255]);
        }
        return known.get(color);
    };
    const over = (top, below) => {
        const alpha = top[3] + below[3] * (1 - top[3]);
        if (alpha === 0) return [0, 0, 0, 0];
        const mix = i => (top[i] * top[3] + below[i] * below[3] * (1 - top[3])) / alpha;
        return [mix(0), mix(1), mix(2), alpha];
    };
    const luminance = color => {
        const [r, g, b] = color.slice(0, 3).map(value => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (one, other) => {
        const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        const element = node.parentElement;
        const text = node.data.trim();
        if (!text || element.closest('svg, canvas, script, style, noscript')) continue;
        if (element.closest('[disabled], [aria-disabled=true]')) continue;
        if (element.closest('label')?.control?.disabled) continue;
        if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const box = range.getBoundingClientRect();
        if (box.width < 2 || box.height < 2) continue;
        const style = getComputedStyle(element);
        if (style.clip !== 'auto' || element.closest('[data-stale=true]')) continue;
        let seen = parse(style.color), ground = [0, 0, 0, 0], opacity = 1;
        let hasPicture = false, isScrolled = false;
        const x = box.left + box.width / 2, y = box.top + box.height / 2;
        for (let place = element; place; place = place.parentElement) {
            const look = getComputedStyle(place), part = Number(look.opacity);
            const area = place.getBoundingClientRect();
            isScrolled ||= look.overflow !== 'visible';  // text out of sight now is seen within it
            // A slider's value is a child of its handle and stands above it, on other ground.
            const isBehind = isScrolled || ['contents', 'inline'].includes(look.display)
                || (area.left <= x && x <= area.right && area.top <= y && y <= area.bottom);
            hasPicture ||= isBehind && ground[3] < 0.999 && look.backgroundImage !== 'none';
            opacity *= part;
            [seen, ground] = [seen, ground].map(layer => {
                const [r, g, b, a] = isBehind ? over(layer, parse(look.backgroundColor)) : layer;
                return [r, g, b, a * part];
            });
        }
        if (hasPicture || opacity < 0.2) continue;  // unknown, or fading in
        [seen, ground] = [seen, ground].map(layer => over(layer, [255, 255, 255, 1]));
        const size = parseFloat(style.fontSize), isBold = Number(style.fontWeight) >= 700;
        const isIcon = element.closest('[data-testid=stIconMaterial]') !== null;
        const least = isIcon || size >= 24 || (isBold && size >= 18.66) ? 3 : 4.5;
        const value = ratio(seen, ground);
        if (value < least) found.push([text.slice(0, 60), Math.round(value * 100) / 100, least,
            element.closest('[data-testid]')?.dataset.testid ?? '', style.color]);
    }
    return found;
}"""
_FIND_UNSEEN_STOPS: Final[
    str
] = r"""() => [...document.querySelectorAll('.stMain :is(a[href], button, [tabindex="0"])')]
    .filter(item => !item.disabled && item.tabIndex >= 0)
    .filter(item => !item.matches('[kind=elementToolbar]'))  // shown while it has the focus
    .filter(item => item.checkVisibility({visibilityProperty: true}))
    .filter(item => {
        const box = item.getBoundingClientRect();
        return box.width < 2 || box.height < 2 || !item.checkVisibility({opacityProperty: true});
    })
    .map(item => item.outerHTML.slice(0, 120))"""


def find_pale_text(page: Page) -> list[Any]:
    """Texts whose contrast is below 4.5 (large ones and icons: 3), with what it is and should be.

    Charts, pictures, text on pictures and what is switched off are left out.
    """
    found: list[Any] = page.evaluate(_FIND_PALE)
    return found


def find_unseen_stops(page: Page) -> list[str]:
    """Links and buttons that the keyboard reaches and nobody sees."""
    found: list[str] = page.evaluate(_FIND_UNSEEN_STOPS)
    return found
