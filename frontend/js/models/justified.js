/*
 * Where each of very many pictures stands, worked out from their ratios alone: rows of one height
 * that end flush, or squares. Only numbers; nothing here knows of the page.
 */
const NARROWEST = 0.45;
const WIDEST = 3;
const NO_PICTURE = 1;

/** Width by height from percent, within what still can be looked at in a row. */
const ratioOf = (percent) =>
  percent ? Math.min(WIDEST, Math.max(NARROWEST, percent / 100)) : NO_PICTURE;

export class Layout {
  /**
   * @param percents width by height of each picture, in percent; null for what has none
   * @param width of a row in pixels
   * @param target the height that a row should have
   * @param isSquare squares of about that side instead
   */
  constructor(percents, { width, target, gap, isSquare }) {
    this.width = width;
    this.gap = gap;
    // A grid that has no width yet has room for nothing.
    this.count = width > 0 ? percents.length : 0;
    this.ratios = isSquare ? null : percents;
    /** The first picture, the top and the height of each row. */
    this.first = [];
    this.tops = [];
    this.heights = [];
    this.total = 0;
    if (!this.count) return;
    if (isSquare) this.#square(target);
    else this.#justify(target);
    this.total = Math.max(0, this.total - gap);
  }

  #row(first, height) {
    this.first.push(first);
    this.tops.push(this.total);
    this.heights.push(height);
    this.total += height + this.gap;
  }

  #square(target) {
    this.columns = Math.max(2, Math.round((this.width + this.gap) / (target + this.gap)));
    const side = (this.width - this.gap * (this.columns - 1)) / this.columns;
    for (let first = 0; first < this.count; first += this.columns) this.#row(first, side);
  }

  #justify(target) {
    const { width, gap, ratios } = this;
    let first = 0;
    let sum = 0;
    for (let index = 0; index < this.count; index += 1) {
      const ratio = ratioOf(ratios[index]);
      const filled = (width - gap * (index - first)) / (sum + ratio);
      if (filled > target) {
        sum += ratio;
        continue;
      }
      // One more makes the row lower than wished, without it it would be higher: the nearer one.
      const without = index > first ? (width - gap * (index - first - 1)) / sum : Infinity;
      if (without - target < target - filled) {
        this.#row(first, without);
        first = index;
        sum = ratio;
        const alone = width / ratio;
        if (alone > target) continue;
        this.#row(first, alone);
      } else this.#row(first, filled);
      first = index + 1;
      sum = 0;
    }
    if (first < this.count) this.#row(first, target);
  }

  /** The last row that begins at or above this height. */
  rowAt(y) {
    return lastUpTo(this.tops, y);
  }

  rowOf(index) {
    return lastUpTo(this.first, index);
  }

  /** The first picture after this row. */
  endOf(row) {
    return this.first[row + 1] ?? this.count;
  }

  /** The places of the pictures of one row: {index, x, y, width, height}. */
  boxes(row) {
    const [first, end, y, height] = [this.first[row], this.endOf(row), this.tops[row], this.heights[row]];
    const boxes = [];
    let x = 0;
    for (let index = first; index < end; index += 1) {
      const width = this.ratios ? ratioOf(this.ratios[index]) * height : height;
      boxes.push({ index, x, y, width, height });
      x += width + this.gap;
    }
    return boxes;
  }

  box(index) {
    return this.boxes(this.rowOf(index)).find((box) => box.index === index);
  }

  /** What is above or below a picture, where its middle is. */
  neighbour(index, rows) {
    const row = this.rowOf(index);
    const wanted = Math.min(this.first.length - 1, Math.max(0, row + rows));
    if (wanted === row) return index;
    const { x, width } = this.box(index);
    const middle = x + width / 2;
    const boxes = this.boxes(wanted);
    return (boxes.find((box) => middle <= box.x + box.width) ?? boxes.at(-1)).index;
  }
}

/** The last place in a list of growing numbers that is no larger. */
function lastUpTo(numbers, wanted) {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (numbers[middle] <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
