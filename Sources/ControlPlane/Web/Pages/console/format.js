// Values as people read them.

const number = new Intl.NumberFormat("en-GB");
const clock = new Intl.DateTimeFormat(undefined, {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const dayAndClock = new Intl.DateTimeFormat(undefined, {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

export const count = (value) => number.format(value);

/// `1 gift`, `2 gifts`.
export const plural = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;

/// A time of today as a clock shows it, others with their day.
export function time(unixMilliseconds) {
    if (!unixMilliseconds) return "–";
    const date = new Date(unixMilliseconds);
    const isToday = date.toDateString() === new Date().toDateString();
    return (isToday ? clock : dayAndClock).format(date);
}

/// Milliseconds as they are best read: `0.42 ms`, `18 ms`, `1.2 s`, `4 min`.
export function milliseconds(value) {
    if (value === null || value === undefined) return "–";
    if (value < 10) return `${value.toFixed(2)} ms`;
    if (value < 1000) return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
    if (value < 60_000) return `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)} s`;
    return `${Math.round(value / 60_000)} min`;
}

/// A whole number of milliseconds as it was chosen: `700 ms`, `2 s`.
export function duration(value) {
    if (value >= 1000 && value % 100 === 0) return `${value / 1000} s`;
    return `${count(value)} ms`;
}

/// Seconds of uptime: `12 s`, `5 min`, `3 h 20 min`, `4 d 2 h`.
export function uptime(seconds) {
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    if (hours < 24) return `${hours} h ${minutes % 60} min`;
    return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export const mebibytes = (bytes) => `${(bytes / 1_048_576).toFixed(1)} MiB`;

/// Hundredths of a degree: `150°`, `12.5°`.
export const degrees = (centidegrees) => `${centidegrees / 100}°`;
