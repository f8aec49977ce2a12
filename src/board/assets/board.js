// The board's script: counts down, patches changed parts, moves the replay. Pages work without it.

const body = document.body;
let offset = Number(body.dataset.now) - Date.now();

const pad = (n) => String(n).padStart(2, "0");

function span(ms) {
  const s = Math.floor(Math.abs(ms) / 1000);
  const h = Math.floor(s / 3600);
  const text = h ? `${h}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}` : `${Math.floor(s / 60)}:${pad(s % 60)}`;
  return ms < 0 ? `−${text}` : text;
}

// China Standard Time on every screen, whatever the screen's own zone.
const wall = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", timeStyle: "medium", hourCycle: "h23" });

function tick() {
  const now = Date.now() + offset;
  for (const time of document.querySelectorAll("time.wall")) time.textContent = wall.format(now);
  if (document.querySelector("form.replay")) return;
  for (const time of document.querySelectorAll("time[data-due]")) {
    const left = Number(time.dataset.due) - now;
    time.title ||= time.textContent;
    time.textContent = span(left);
    time.classList.toggle("soon", left < 60000);
  }
}

function replace(key, html) {
  const old = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!old) return;
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  const fresh = template.content.firstElementChild;
  // What changed is marked for a moment.
  if (fresh.matches(".village, .card")) fresh.classList.add("fresh");
  // Whoever works with the keyboard stays where they are.
  const focus = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  old.replaceWith(fresh);
  if (focus) [fresh, ...fresh.querySelectorAll("a")].find((a) => a.getAttribute("href") === focus)?.focus();
}

async function reload() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return location.reload();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelector("main").replaceWith(page.querySelector("main"));
}

function watch(url) {
  const lost = document.querySelector(".link-state");
  const show = (broken) => {
    lost.hidden = !broken;
    lost.textContent = broken ? lost.dataset.lost : "";
  };
  let last = null;
  let retry = null;
  const open = () => {
    // A stream of our own making, so that a server that refused once is asked again.
    const at = last === null ? url : url.replace(/from=\d+/, `from=${last}`);
    const source = new EventSource(at);
    source.onopen = () => show(false);
    source.onerror = () => {
      show(true);
      if (source.readyState === EventSource.CLOSED && !retry) {
        retry = setTimeout(() => { retry = null; open(); }, 3000);
      }
    };
    source.addEventListener("patch", async (event) => {
      const { now, reload: anew, patch } = JSON.parse(event.data);
      offset = now - Date.now();
      if (event.lastEventId) last = event.lastEventId;
      if (anew) await reload();
      for (const [key, html] of patch) replace(key, html);
      tick();
    });
  };
  open();
}

const slider = document.querySelector("form.replay input[type=range]");
slider?.addEventListener("change", () => slider.form.requestSubmit());

// Arrow keys step through the events of a replay.
if (slider) {
  document.addEventListener("keydown", (event) => {
    const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    if (rel && event.target !== slider) document.querySelector(`form.replay a[rel=${rel}]`)?.click();
  });
}

tick();
setInterval(tick, 1000);
if (body.dataset.live) watch(body.dataset.live);
