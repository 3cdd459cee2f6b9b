//! Owns the test card: which screen this is, its size, edges, greys, colours and the letters that break first.
//! Takes: the screen's name. Emits: an element over everything.
export function testCard(screen: string): HTMLElement {
  const card = document.createElement("div");
  card.className = "test-card";
  const bars = document.createElement("div");
  bars.className = "bars";
  for (let bar = 0; bar < 8; bar++) bars.append(document.createElement("span"));
  const name = document.createElement("p");
  name.className = "name";
  name.textContent = screen;
  const letters = document.createElement("p");
  letters.className = "letters";
  letters.textContent = "ä ö ü ß € 0123456789";
  const size = document.createElement("p");
  const measure = () => {
    size.textContent = `${innerWidth} × ${innerHeight} · ${devicePixelRatio}×`;
  };
  addEventListener("resize", measure);
  measure();
  card.append(bars, name, letters, size);
  return card;
}
