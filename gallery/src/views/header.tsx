import { useEffect, useRef } from "preact/hooks";
import { Condition, condition, health } from "../state/health";
import { View, follow, go, goToView, hrefOf, place } from "../state/place";
import { end, isReady, session } from "../state/session";
import { nextTheme, theme } from "../state/theme";
import { duration } from "../text";
import { HardDrive, Images, LogOut, Monitor, Moon, Search, Sun, Trash2 } from "../ui/icons";
import { UploadButton } from "./uploads";

const SEARCH_MS = 220;

export function Header() {
  return (
    <header class="top">
      <a
        class="brand"
        href={hrefOf("pictures")}
        aria-label="All pictures"
        onClick={(event) => follow(event, () => goToView("pictures"))}
      >
        <svg viewBox="0 0 32 32" width="30" height="30" aria-hidden="true">
          <rect width="32" height="32" rx="9" class="brand-tile" />
          <circle cx="21.5" cy="11" r="3" />
          <path d="M5 24.5 12 14l5 7 3-4 7 7.5z" />
        </svg>
      </a>
      {isReady.value && <Views />}
      <SearchBox />
      <div class="top-end">
        {isReady.value && <Status />}
        <ThemeButton />
        {session.value?.authenticated && session.value.expiresAt && <LogOutButton />}
        <UploadButton />
      </div>
    </header>
  );
}

const VIEWS: [View, string, typeof Images][] = [
  ["pictures", "Pictures", Images],
  ["trash", "Trash", Trash2],
  ["storage", "Storage", HardDrive],
];

function Views() {
  const hasTrash = (session.value?.trashRetentionDays ?? 0) > 0 || place.value.view === "trash";
  return (
    <nav class="views" aria-label="Views">
      {VIEWS.filter(([view]) => view !== "trash" || hasTrash).map(([view, name, Icon]) => (
        <a
          key={view}
          href={hrefOf(view)}
          aria-current={place.value.view === view ? "page" : undefined}
          onClick={(event) => follow(event, () => goToView(view))}
        >
          <Icon size={18} aria-hidden="true" />
          <span>{name}</span>
        </a>
      ))}
    </nav>
  );
}

function SearchBox() {
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  const { name, view } = place.value;
  useEffect(() => {
    const element = input.current;
    if (element && document.activeElement !== element) element.value = name;
  }, [name]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if ((event.target as HTMLElement).closest("input, textarea, select, dialog")) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  if (!isReady.value || view === "storage") return <div class="search-space" />;
  const search = () => {
    const text = input.current?.value.trim() ?? "";
    const old = place.peek();
    if (text !== old.name) go({ name: text, similar: "" }, { replace: old.name !== "" && text !== "" });
  };
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        clearTimeout(timer.current);
        search();
      }}
    >
      <Search size={17} aria-hidden="true" />
      <input
        ref={input}
        type="search"
        placeholder={view === "trash" ? "Search the trash by name" : "Search by name"}
        aria-label="Search by name"
        aria-keyshortcuts="/"
        autocomplete="off"
        spellcheck={false}
        onInput={() => {
          clearTimeout(timer.current);
          timer.current = window.setTimeout(search, SEARCH_MS);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" || event.key === "Escape") {
            const first = document.querySelector<HTMLElement>(".grid a[tabindex='0']");
            if (first) {
              event.preventDefault();
              first.focus();
            }
          }
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

const CONDITIONS: Record<Condition, string> = {
  ok: "All is well",
  degraded: "Working, with trouble",
  unavailable: "Not available",
  unreachable: "Not reachable",
  unknown: "Asking",
};

function Status() {
  const now = condition.value;
  const uptime = health.value ? `, up for ${duration(health.value.uptimeSeconds)}` : "";
  const told = `Service: ${CONDITIONS[now]}${now === "ok" ? uptime : ""}`;
  return (
    <a
      class={`status is-${now}`}
      href={hrefOf("storage")}
      title={told}
      aria-label={told}
      onClick={(event) => follow(event, () => goToView("storage"))}
    >
      <span class="dot" aria-hidden="true" />
      {now !== "ok" && now !== "unknown" && <span class="wide-only">{CONDITIONS[now]}</span>}
    </a>
  );
}

function ThemeButton() {
  const [Icon, told] = { system: [Monitor, "as the system"], light: [Sun, "light"], dark: [Moon, "dark"] }[
    theme.value
  ] as [typeof Sun, string];
  return (
    <button class="icon-button" aria-label={`Colours: ${told}`} title={`Colours: ${told}`} onClick={nextTheme}>
      <Icon size={18} aria-hidden="true" />
    </button>
  );
}

function LogOutButton() {
  return (
    <button class="icon-button" aria-label="Log out" title="Log out" onClick={() => void end()}>
      <LogOut size={18} aria-hidden="true" />
    </button>
  );
}
