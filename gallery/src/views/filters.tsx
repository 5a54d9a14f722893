// What narrows and orders the listing. Each is a part of the address.
import { useEffect } from "preact/hooks";
import { listing } from "../state/listings";
import { clearFilters, go, isFiltered, place } from "../state/place";
import { isSelecting, startSelecting } from "../state/selection";
import { session } from "../state/session";
import { knownTags, loadTags } from "../state/tags";
import { bytes, count, day } from "../text";
import { SquareCheckBig, X } from "../ui/icons";
import { Popover } from "../ui/popover";

const ORDERS: [string, string][] = [
  ["", "Newest first"],
  ["createdAt", "Oldest first"],
  ["filename", "Name, A to Z"],
  ["-filename", "Name, Z to A"],
  ["-sizeBytes", "Largest first"],
  ["sizeBytes", "Smallest first"],
];
const SIZES: [string, string, string][] = [
  ["", "", "Any size"],
  ["", "102400", "Up to 100 KB"],
  ["102400", "1048576", "100 KB to 1 MB"],
  ["1048576", "5242880", "1 to 5 MB"],
  ["5242880", "", "Over 5 MB"],
];

export function Filters() {
  const at = place.value;
  return (
    <div class="filters">
      <Counted />
      {!at.similar && (
        <>
          <FormatFilter />
          <TagFilter />
          <DateFilter />
          <SizeFilter />
        </>
      )}
      {isFiltered.value && (
        <button class="link clear" onClick={clearFilters}>
          Clear
        </button>
      )}
      <SelectButton />
      {!at.similar && <Order />}
    </div>
  );
}

function SelectButton() {
  if (!listing.value?.total.value || isSelecting.value) return null;
  return (
    <button class="chip select" onClick={startSelecting}>
      <SquareCheckBig size={15} aria-hidden="true" />
      Select
    </button>
  );
}

function Counted() {
  const now = listing.value;
  const total = now?.total.value;
  if (total === null || total === undefined) return <p class="count">&nbsp;</p>;
  const more = now!.totalIsExact.value ? "" : "more than ";
  const noun = total === 1 ? "picture" : "pictures";
  const where = place.value.view === "trash" ? " in the trash" : place.value.similar ? " alike" : "";
  return (
    <p class="count" role="status">
      {more}
      <strong>{count(total)}</strong> {noun}
      {where}
    </p>
  );
}

function Order() {
  const { sort, view } = place.value;
  return (
    <label class="order">
      <span class="sr-only">Order</span>
      <select
        value={sort}
        onChange={(event) => go({ sort: event.currentTarget.value })}
        aria-label={`Order of the ${view}`}
      >
        {ORDERS.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Choices({ name, options, chosen, choose }: {
  name: string;
  options: [string, string][];
  chosen: string;
  choose: (value: string) => void;
}) {
  return (
    <div class="choices" role="group" aria-label={name}>
      {options.map(([value, text]) => (
        <button
          key={value}
          class={`choice ${value === chosen ? "is-chosen" : ""}`}
          aria-pressed={value === chosen}
          onClick={() => choose(value)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

function FormatFilter() {
  const { format } = place.value;
  const formats = session.value?.limits.formats ?? [];
  const options: [string, string][] = [["", "Any format"]];
  for (const name of formats) options.push([name, name.toUpperCase()]);
  return (
    <Popover label={format ? format.toUpperCase() : "Format"} isActive={format !== ""}>
      {(close) => (
        <Choices
          name="Format"
          options={options}
          chosen={format}
          choose={(value) => {
            close();
            go({ format: value });
          }}
        />
      )}
    </Popover>
  );
}

function TagFilter() {
  const { tag } = place.value;
  return (
    <Popover label={tag ? `#${tag}` : "Tag"} isActive={tag !== ""}>
      {(close) => (
        <TagChoice
          chosen={tag}
          choose={(value) => {
            close();
            go({ tag: value });
          }}
        />
      )}
    </Popover>
  );
}

function TagChoice({ chosen, choose }: { chosen: string; choose: (tag: string) => void }) {
  useEffect(() => void loadTags(), []);
  return (
    <form
      class="tag-choice"
      onSubmit={(event) => {
        event.preventDefault();
        choose(new FormData(event.currentTarget).get("tag")?.toString().trim() ?? "");
      }}
    >
      <label>
        <span>Tag</span>
        <input name="tag" defaultValue={chosen} autocomplete="off" placeholder="as given to pictures" />
      </label>
      <div class="choices tags" role="group" aria-label="Tags in use">
        {knownTags.value.slice(0, 40).map((each) => (
          <button
            type="button"
            key={each.tag}
            class={`tag ${each.tag === chosen ? "is-chosen" : ""}`}
            onClick={() => choose(each.tag)}
          >
            {each.tag} <small>{count(each.files)}</small>
          </button>
        ))}
      </div>
    </form>
  );
}

function DateFilter() {
  const { after, before } = place.value;
  const at = (text: string) => day(`${text}T12:00:00`);
  let label = "Date";
  if (after && before) label = after === before ? at(after) : `${at(after)} – ${at(before)}`;
  else if (after) label = `Since ${at(after)}`;
  else if (before) label = `Until ${at(before)}`;
  return (
    <Popover label={label} isActive={Boolean(after || before)}>
      {() => (
        <div class="dates">
          <label>
            <span>From</span>
            <input
              type="date"
              value={after}
              max={before || undefined}
              onChange={(event) => go({ after: event.currentTarget.value })}
            />
          </label>
          <label>
            <span>To</span>
            <input
              type="date"
              value={before}
              min={after || undefined}
              onChange={(event) => go({ before: event.currentTarget.value })}
            />
          </label>
        </div>
      )}
    </Popover>
  );
}

function SizeFilter() {
  const { min, max } = place.value;
  const chosen = SIZES.find(([low, high]) => low === min && high === max);
  let label = "Size";
  if (min || max) label = chosen?.[2] ?? `${bytes(Number(min))} to ${max ? bytes(Number(max)) : "any"}`;
  return (
    <Popover label={label} isActive={Boolean(min || max)}>
      {(close) => (
        <Choices
          name="Size"
          options={SIZES.map(([low, high, text]) => [`${low}-${high}`, text])}
          chosen={`${min}-${max}`}
          choose={(value) => {
            const [low, high] = value.split("-");
            close();
            go({ min: low ?? "", max: high ?? "" });
          }}
        />
      )}
    </Popover>
  );
}

/** The picture whose look-alikes are shown, with the way back. */
export function SimilarTo() {
  const { similar } = place.value;
  if (!similar) return null;
  return (
    <p class="similar-to">
      <span>
        Pictures that look like{" "}
        <button class="link" onClick={() => go({ image: similar })}>
          this one
        </button>
      </span>
      <button class="icon-button small" aria-label="Show all pictures" onClick={clearFilters}>
        <X size={16} aria-hidden="true" />
      </button>
    </p>
  );
}
