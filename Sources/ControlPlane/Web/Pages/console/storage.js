// What a tab remembers across reloads; in memory alone where the browser forbids storage.

const memory = new Map();

export const storage = {
    get(key) {
        try {
            return sessionStorage.getItem(key);
        } catch {
            return memory.get(key) ?? null;
        }
    },
    set(key, value) {
        try {
            sessionStorage.setItem(key, value);
        } catch {
            memory.set(key, value);
        }
    },
    remove(key) {
        memory.delete(key);
        try {
            sessionStorage.removeItem(key);
        } catch {
            // Nothing was stored.
        }
    },
};
