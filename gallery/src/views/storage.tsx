// How much is stored, of what and since when, and how the service is.
import { useEffect, useState } from "preact/hooks";
import { Problem, problemFrom, request } from "../api/client";
import type { Health, Stats } from "../api/types";
import { type Condition, condition, health } from "../state/health";
import { isReady } from "../state/session";
import { ago, bytes, count, duration, moment, plural } from "../text";
import { Meter, MonthBars, ShareBars } from "../ui/bars";
import { CircleAlert } from "../ui/icons";
import { Notice } from "../ui/notice";

const EVERY_MS = 30000;

export function Storage() {
  const [stats, setStats] = useState<Stats | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const load = () =>
    request<Stats>("api/stats").then(
      (told) => {
        setStats(told);
        setProblem(null);
      },
      (error) => setProblem(problemFrom(error)),
    );
  useEffect(() => {
    scrollTo({ top: 0, behavior: "instant" });
    if (!isReady.value) return;
    void load();
    const timer = setInterval(() => {
      if (!document.hidden) void load();
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [isReady.value]);
  return (
    <main class="storage" id="main" tabIndex={-1}>
      <h1>Storage</h1>
      {problem && !stats && (
        <Notice icon={<CircleAlert size={28} />} title="The figures could not be had" isProblem>
          <p>{problem.message}</p>
          <button class="button" onClick={load}>
            Try again
          </button>
        </Notice>
      )}
      {stats && <Figures stats={stats} />}
    </main>
  );
}

function Figures({ stats }: { stats: Stats }) {
  const formats = Object.entries(stats.byFormat).map(([name, totals]) => ({ name, ...totals }));
  return (
    <>
      <dl class="figures">
        <Figure name="Pictures" value={count(stats.totalFiles)} />
        <Figure name="Originals" value={bytes(stats.totalBytes)} />
        {stats.freeBytes !== null && <Figure name="Free on the disk" value={bytes(stats.freeBytes)} />}
        <Figure name="Cached variants" value={bytes(stats.cacheBytes)} />
        {stats.trashedFiles > 0 && (
          <Figure name="In the trash" value={bytes(stats.trashedBytes)} more={plural(stats.trashedFiles, "picture")} />
        )}
      </dl>
      <div class="cards">
        <section class="card is-wide">
          <h2>Stored, month by month</h2>
          {stats.byMonth.length ? <MonthBars data={stats.byMonth} /> : <p class="quiet">Nothing is stored yet.</p>}
        </section>
        <section class="card">
          <h2>By format</h2>
          {formats.length ? <ShareBars data={formats} /> : <p class="quiet">Nothing is stored yet.</p>}
        </section>
        <section class="card">
          <h2>Room</h2>
          <Room stats={stats} />
        </section>
        <section class="card">
          <h2>Health</h2>
          <HealthTable now={health.value} condition={condition.value} />
        </section>
        <section class="card">
          <h2>Safety</h2>
          <Safety stats={stats} />
        </section>
      </div>
    </>
  );
}

function Figure({ name, value, more }: { name: string; value: string; more?: string }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        {value}
        {more && <small>{more}</small>}
      </dd>
    </div>
  );
}

function Room({ stats }: { stats: Stats }) {
  // What is in the trash counts towards the quotas.
  const usedBytes = stats.totalBytes + stats.trashedBytes;
  const usedFiles = stats.totalFiles + stats.trashedFiles;
  return (
    <>
      {stats.freeBytes === null ? (
        <p>{bytes(usedBytes)} on object storage, which tells no end.</p>
      ) : (
        <Meter
          label="Disk"
          value={usedBytes}
          max={usedBytes + stats.freeBytes}
          told={`${bytes(usedBytes)} used here, ${bytes(stats.freeBytes)} free`}
        />
      )}
      {stats.quotaBytes ? (
        <Meter
          label="Quota of bytes"
          value={usedBytes}
          max={stats.quotaBytes}
          told={`${bytes(usedBytes)} of ${bytes(stats.quotaBytes)}`}
        />
      ) : null}
      {stats.quotaFiles ? (
        <Meter
          label="Quota of pictures"
          value={usedFiles}
          max={stats.quotaFiles}
          told={`${count(usedFiles)} of ${count(stats.quotaFiles)}`}
        />
      ) : null}
      {!stats.quotaBytes && !stats.quotaFiles && <p class="quiet">No quota is set.</p>}
    </>
  );
}

const WORDS: Record<Condition, string> = {
  ok: "All is well",
  degraded: "It works, with trouble",
  unavailable: "It is not available",
  unreachable: "It does not answer",
  unknown: "Asking",
};
const PARTS: Record<string, string> = {
  storage: "Originals",
  catalogue: "Catalogue",
  broker: "Broker",
  workers: "Image workers",
};

function HealthTable({ now, condition: told }: { now: Health | null; condition: Condition }) {
  return (
    <>
      <p class={`condition is-${told}`}>
        <span class="dot" aria-hidden="true" />
        <span>
          {WORDS[told]}
          {now && told !== "unreachable" && <small> up for {duration(now.uptimeSeconds)}, version {now.version}</small>}
        </span>
      </p>
      {now && (
        <ul class="checks">
          {Object.entries(now.checks).map(([name, check]) => (
            <li key={name} class={`is-${check.status}`}>
              <span class="dot" aria-hidden="true" />
              <span>{PARTS[name] ?? name}</span>
              <span class="quiet">{check.message ?? (check.status === "ok" ? "works" : check.status)}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Safety({ stats }: { stats: Stats }) {
  const { lastVerification: looked, lastBackup: backup } = stats;
  return (
    <dl class="details">
      <div>
        <dt>Verified</dt>
        <dd>
          {looked ? (
            <>
              <time dateTime={looked.finishedAt} title={moment(looked.finishedAt)}>
                {ago(looked.finishedAt)}
              </time>
              <small class={looked.damaged + looked.missing ? "bad" : ""}>
                {plural(looked.images, "picture")}, {bytes(looked.bytes)};{" "}
                {looked.damaged + looked.missing
                  ? `${count(looked.damaged)} damaged, ${count(looked.missing)} missing`
                  : "all as they were stored"}
              </small>
            </>
          ) : (
            <span class="quiet">
              Not all of it yet. It happens in the background, or at once by <code>image-service verify</code>.
            </span>
          )}
        </dd>
      </div>
      <div>
        <dt>Backed up</dt>
        <dd>
          {backup ? (
            <time dateTime={backup.finishedAt} title={moment(backup.finishedAt)}>
              {ago(backup.finishedAt)}
            </time>
          ) : (
            <span class="quiet">
              Never, as far as is known here. <code>image-service backup</code> does it.
            </span>
          )}
        </dd>
      </div>
    </dl>
  );
}
