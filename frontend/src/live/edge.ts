/** Where on the page new messages appear, and whether the reader is there. */

const NEAR_PX = 120;

export interface Edge {
  isNear: () => boolean;
  goThere: () => void;
}

/** `scroll`: the box of a chat, turned over so that its end is at 0; without one, the page itself, newest on top. */
export function edgeOf(scroll: HTMLElement | null, moved: () => void): Edge {
  (scroll ?? document).addEventListener("scroll", moved, { passive: true });
  return {
    isNear: () => (scroll === null ? window.scrollY : Math.abs(scroll.scrollTop)) < NEAR_PX,
    goThere: () => {
      (scroll ?? window).scrollTo({ top: 0 });
    },
  };
}
