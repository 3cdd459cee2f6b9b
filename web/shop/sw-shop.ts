export {};
const list = JSON.parse("__PRECACHE__") as { version: string; files: string[] };
self.addEventListener("install", () => console.info(list.version));
