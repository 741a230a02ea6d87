import { Store } from '../core/store.js';
import { t } from '../core/messages.js';
import { router } from '../core/router.js';
import { hasEnded, titleOf } from './job.js';
import { installation } from './installation.js';
import { jobs } from './jobs.js';
import { notices } from './notices.js';
import { preferences } from './preferences.js';
import { session } from './session.js';

/* What ends within this time is told in one. */
const TOGETHER_MS = 700;
/** Two tones, one above the other: in Hz, and when they begin, in seconds. */
const TONES = [
  [659.25, 0],
  [987.77, 0.13],
];
const TONE_S = 0.55;

/** Tells people when something of theirs has ended: in the page, by the system, with a sound. */
class Alerts extends Store {
  constructor() {
    super();
    this.told = new Set();
    this.ended = [];
    jobs.addEventListener('change', () => this.#look());
    session.addEventListener('other', () => this.told.clear());
  }

  get permission() {
    return globalThis.Notification && isSecureContext ? Notification.permission : 'unsupported';
  }

  async ask() {
    const answer = await Notification.requestPermission();
    this.changed();
    return answer;
  }

  #look() {
    for (const job of jobs.byId.values()) {
      const isNews = jobs.watched.has(job.id) && hasEnded(job) && !this.told.has(job.id);
      if (!isNews || job.user_id !== session.user?.id) continue;
      this.told.add(job.id);
      // Whoever cancels knows.
      if (job.status === 'canceled') continue;
      this.ended.push(job);
      this.timer ??= setTimeout(() => this.#tell(), TOGETHER_MS);
    }
  }

  #tell() {
    const { ended } = this;
    this.ended = [];
    this.timer = null;
    this.#say(textOf(ended), ended.every(({ status }) => status !== 'succeeded'));
  }

  #say(text, isFailure, isRehearsal = false) {
    const { notifications, sound } = preferences.values;
    const isAway = document.visibilityState === 'hidden' || isRehearsal;
    const isSeen = !isAway && ['create', '', 'queue'].includes(router.view);
    const action = { label: t('shell.show'), run: () => router.go('create') };
    if (notifications.page && (!isSeen || isRehearsal)) {
      notices.say(text, { action: isRehearsal ? null : action, key: 'ended', isError: isFailure });
    }
    if (notifications.browser && isAway && this.permission === 'granted') this.#notify(text);
    if (sound.on) this.chime();
  }

  async #notify(text) {
    const options = { body: text, tag: 'studio-ended', icon: '/static/icons/icon-192.png' };
    // Phones show what comes from the service worker alone.
    if (installation.registration?.active) {
      await installation.registration.showNotification(t('shell.name'), options);
      return;
    }
    const note = new Notification(t('shell.name'), options);
    note.onclick = () => {
      window.focus();
      router.go('create');
      note.close();
    };
  }

  /** What it would be like. */
  rehearse() {
    this.#say(t('shell.endedTry'), false, true);
  }

  /** A short sound, made here: no file has to be fetched for it. */
  chime() {
    this.audio ??= new AudioContext();
    const { audio } = this;
    audio.resume();
    for (const [frequency, after] of TONES) {
      const [tone, loudness] = [audio.createOscillator(), audio.createGain()];
      const start = audio.currentTime + after;
      tone.frequency.value = frequency;
      loudness.gain.setValueAtTime(0, start);
      loudness.gain.linearRampToValueAtTime(preferences.values.sound.volume * 0.4, start + 0.015);
      loudness.gain.exponentialRampToValueAtTime(0.0001, start + TONE_S);
      tone.connect(loudness).connect(audio.destination);
      tone.start(start);
      tone.stop(start + TONE_S);
    }
  }
}

function textOf(ended) {
  if (ended.length === 1) {
    const [job] = ended;
    return t(job.status === 'succeeded' ? 'shell.endedOne' : 'shell.failedOne', { title: titleOf(job) });
  }
  const failed = ended.filter(({ status }) => status !== 'succeeded').length;
  const done = ended.length - failed;
  return [done && t('shell.endedMany', { count: done }), failed && t('shell.failedMany', { count: failed })]
    .filter(Boolean)
    .join(' ');
}

export const alerts = new Alerts();
