// The browser's own dialog: it keeps the focus inside, and Escape closes it.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface DialogProps {
  label: string;
  class: string;
  onClose: () => void;
  onKeyDown?: (event: KeyboardEvent) => void;
  children: ComponentChildren;
}

export function Dialog({ label, onClose, onKeyDown, children, ...rest }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    // One for each kind: a question may be asked over the picture.
    const mark = `has-${rest.class}`;
    document.documentElement.classList.add(mark);
    return () => {
      document.documentElement.classList.remove(mark);
      if (element.open) element.close();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={rest.class}
      aria-label={label}
      onKeyDown={onKeyDown}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      {children}
    </dialog>
  );
}
