import { useRef, useState } from "preact/hooks";
import { tell } from "../state/toasts";
import { Check, Copy } from "./icons";

const SHOWN_MS = 1600;

/** Put text on the clipboard, also where the page is not a secure one. */
async function copy(text: string, near: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not a secure page, or not allowed: by a selection, then. Inside the dialog: what is outside of it cannot be selected.
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "sr-only";
    near.append(field);
    field.select();
    const isDone = document.execCommand("copy");
    field.remove();
    return isDone;
  }
}

interface CopyProps {
  /** It, or what makes it when it is wanted. */
  text: string | (() => Promise<string>);
  label: string;
  isSmall?: boolean;
  isDisabled?: boolean;
  /** Whether its name may be left out where there is little room. */
  isAction?: boolean;
}

export function CopyButton({ text, label, isSmall, isDisabled, isAction }: CopyProps) {
  const [isDone, setDone] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const onClick = async () => {
    const wanted = typeof text === "string" ? text : await text();
    if (!wanted) return;
    const isCopied = await copy(wanted, button.current!.parentElement!);
    button.current?.focus();
    if (!isCopied) return tell("The browser does not let this page copy.", { kind: "problem" });
    setDone(true);
    setTimeout(() => setDone(false), SHOWN_MS);
  };
  const Icon = isDone ? Check : Copy;
  return (
    <button
      ref={button}
      class={isSmall ? "icon-button small" : "button"}
      aria-label={isSmall ? label : undefined}
      title={isSmall || isAction ? label : undefined}
      disabled={isDisabled}
      onClick={onClick}
    >
      <Icon size={isSmall ? 14 : 16} aria-hidden="true" />
      {!isSmall && <span class={isAction ? "action-name" : undefined}>{isDone ? "Copied" : label}</span>}
      {isSmall && (
        <span class="sr-only" role="status">
          {isDone ? "Copied" : ""}
        </span>
      )}
    </button>
  );
}
