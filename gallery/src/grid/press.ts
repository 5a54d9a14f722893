// A long press on a phone selects, as a click on the check mark does with a mouse.
const PRESS_MS = 450;
const MOVED_PX = 10;

interface Press {
  timer: number;
  x: number;
  y: number;
  isLong: boolean;
}

/** Return the handlers for the grid. Args: onPress: told the index of the picture pressed. */
export function longPress(onPress: (index: number) => void) {
  let press: Press | null = null;
  const cancel = () => {
    if (press && !press.isLong) {
      clearTimeout(press.timer);
      press = null;
    }
  };
  return {
    onPointerDown: (event: PointerEvent) => {
      cancel();
      press = null;
      const cell = (event.target as HTMLElement).closest<HTMLElement>("[data-index]");
      if (event.pointerType !== "touch" || !cell) return;
      const index = Number(cell.dataset["index"]);
      const begun: Press = { timer: 0, x: event.clientX, y: event.clientY, isLong: false };
      begun.timer = window.setTimeout(() => {
        begun.isLong = true;
        onPress(index);
      }, PRESS_MS);
      press = begun;
    },
    onPointerMove: (event: PointerEvent) => {
      if (press && Math.hypot(event.clientX - press.x, event.clientY - press.y) > MOVED_PX) cancel();
    },
    onPointerUp: cancel,
    onPointerCancel: cancel,
    // The menu that browsers show for a link pressed long.
    onContextMenu: (event: MouseEvent) => {
      if (press) event.preventDefault();
    },
    onClickCapture: (event: MouseEvent) => {
      if (!press?.isLong) return;
      press = null;
      event.preventDefault();
      event.stopPropagation();
    },
  };
}
