// The grid with what belongs to it: filters, and what to say when there is nothing to show.
import { Grid } from "../grid/grid";
import { Listing } from "../state/listing";
import { listing, reload } from "../state/listings";
import { clearFilters, isFiltered, place } from "../state/place";
import { mayUpload, session } from "../state/session";
import { bytes, plural } from "../text";
import { ArrowUp, CircleAlert, Images, Search, Trash2 } from "../ui/icons";
import { Notice } from "../ui/notice";
import { selected } from "../state/selection";
import { askAndRemove, askAndRemoveAll } from "./deleting";
import { Filters, SimilarTo } from "./filters";
import { SelectionBar } from "./selection";
import { UploadButton } from "./uploads";

export function Pictures() {
  const now = listing.value;
  const isTrash = place.value.view === "trash";
  return (
    <main class="pictures" id="main" tabIndex={-1}>
      <h1 class="sr-only">{isTrash ? "Trash" : "Pictures"}</h1>
      <SimilarTo />
      <Filters />
      {isTrash && <TrashNote />}
      {now && <Fresh listing={now} />}
      {now && <Shown listing={now} isTrash={isTrash} />}
      <SelectionBar />
    </main>
  );
}

/** Says that pictures have come at the top, where the page is scrolled further down. */
function Fresh({ listing: now }: { listing: Listing }) {
  const fresh = now.fresh.value;
  return (
    <div class="fresh" role="status">
      {fresh > 0 && (
        <button class="button" onClick={() => scrollTo({ top: 0 })}>
          <ArrowUp size={16} aria-hidden="true" />
          {fresh >= MANY ? `More than ${MANY} new pictures` : plural(fresh, "new picture")}
        </button>
      )}
    </div>
  );
}

function TrashNote() {
  const days = session.value?.trashRetentionDays ?? 0;
  if (!days) return null;
  return (
    <p class="note">
      Pictures stay here for {plural(days, "day")} after they were deleted, and count towards the quota.
    </p>
  );
}

function Shown({ listing: now, isTrash }: { listing: Listing; isTrash: boolean }) {
  const problem = now.problem.value;
  const total = now.total.value;
  if (problem && !now.count) {
    return (
      <Notice icon={<CircleAlert size={28} />} title="The pictures could not be listed" isProblem>
        <p>{problem.message}</p>
        <button class="button" onClick={reload}>
          Try again
        </button>
      </Notice>
    );
  }
  if (total === null) return <Waiting />;
  if (now.version.value >= 0 && !now.count && now.isComplete) return <Nothing isTrash={isTrash} />;
  return (
    <>
      <Grid
        listing={now}
        label={isTrash ? "Pictures in the trash" : "Pictures"}
        onDelete={(image) => void askAndRemove(image)}
        onDeleteSelected={() => void askAndRemoveAll([...selected.value.values()])}
      />
      {problem && (
        <p class="more-problem" role="alert">
          {problem.message}{" "}
          <button class="link" onClick={() => void now.retry()}>
            Try again
          </button>
        </p>
      )}
      {!now.isComplete && !problem && <p class="more" aria-hidden="true" />}
    </>
  );
}

/** So many of the newest are looked at. */
const MANY = 60;
const PLACEHOLDERS = [1.5, 0.75, 1.33, 1.5, 1, 1.78, 0.67, 1.5, 1.33, 1, 1.5, 0.75, 1.6, 1.33];

function Waiting() {
  return (
    <div class="waiting" role="status" aria-label="Loading pictures">
      {PLACEHOLDERS.map((ratio, i) => (
        <span key={i} style={{ flexGrow: ratio, aspectRatio: String(ratio) }} />
      ))}
    </div>
  );
}

function Nothing({ isTrash }: { isTrash: boolean }) {
  if (isFiltered.value) {
    return (
      <Notice icon={<Search size={28} />} title={place.value.similar ? "Nothing looks like it" : "Nothing matches"}>
        <p>{place.value.similar ? "There are no other pictures alike." : "Try other words, or fewer filters."}</p>
        <button class="button" onClick={clearFilters}>
          Show all pictures
        </button>
      </Notice>
    );
  }
  if (isTrash) {
    return (
      <Notice icon={<Trash2 size={28} />} title="The trash is empty">
        <p>Deleted pictures wait here before they go for good.</p>
      </Notice>
    );
  }
  const limits = session.value?.limits;
  return (
    <Notice icon={<Images size={28} />} title="No pictures yet">
      {mayUpload.value ? (
        <>
          <p>
            Drop some anywhere on this page, paste one, or choose files.
            {limits && ` ${limits.formats.map((f) => f.toUpperCase()).join(", ")}; up to ${bytes(limits.maxUploadBytes)} each.`}
          </p>
          <UploadButton />
        </>
      ) : (
        <p>Pictures appear here as they are stored.</p>
      )}
    </Notice>
  );
}
