//! Owns the table: sorting by header, rows reached and opened by keyboard, own states for loading and empty.
import { ArrowDown, ArrowUp } from "lucide";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { SkeletonLines } from "./feedback.tsx";
import { Icon } from "./icon.tsx";

export interface Column<Row> {
  readonly key: string;
  readonly head: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** Present: the column can be sorted by this value. */
  readonly sort?: (row: Row) => string | number;
  /** Numbers stand at the end, in figures of equal width. */
  readonly end?: boolean;
}

interface TableProperties<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  /** `undefined`: still loading. */
  readonly rows: readonly Row[] | undefined;
  readonly rowKey: (row: Row) => string;
  readonly empty: ComponentChildren;
  readonly onOpen?: (row: Row) => void;
  readonly selected?: string | undefined;
}

const SKELETON_ROWS = 6;

export function Table<Row>({ caption, columns, rows, rowKey, empty, onOpen, selected }: TableProperties<Row>) {
  const [order, setOrder] = useState<{ key: string; down: boolean }>();
  const by = columns.find((column) => column.key === order?.key)?.sort;
  const sorted = rows && by ? [...rows].sort((a, b) => compare(by(a), by(b)) * (order?.down ? -1 : 1)) : rows;
  if (sorted === undefined) return <Waiting caption={caption} columns={columns.length} />;
  if (sorted.length === 0) return <>{empty}</>;
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={caption}>
      <table class="table">
        <caption class="sr">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" class={column.end ? "end" : undefined} aria-sort={order?.key === column.key ? (order.down ? "descending" : "ascending") : undefined}>
                {column.sort ? (
                  <button type="button" onClick={() => setOrder({ key: column.key, down: order?.key === column.key ? !order.down : false })}>
                    {column.head}
                    {order?.key === column.key ? <Icon node={order.down ? ArrowDown : ArrowUp} /> : null}
                  </button>
                ) : (
                  column.head
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <tr
              key={rowKey(row)}
              tabIndex={onOpen ? 0 : undefined}
              aria-selected={selected === undefined ? undefined : rowKey(row) === selected}
              onClick={() => onOpen?.(row)}
              onKeyDown={(event) => {
                if (onOpen && event.target === event.currentTarget && event.key === "Enter") onOpen(row);
              }}
            >
              {columns.map((column) => (
                <td key={column.key} class={column.end ? "end" : undefined}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Heads come with the rows: they set the widths of the columns, and a head that has been read does not move. */
function Waiting({ caption, columns }: { caption: string; columns: number }) {
  return (
    <div class="table-wrap">
      <table class="table" aria-busy="true" aria-label={caption}>
        <tbody>
          {Array.from({ length: SKELETON_ROWS }, (_, row) => (
            <tr key={row}>
              {Array.from({ length: columns }, (_, column) => (
                <td key={column}>
                  <SkeletonLines widths={[60 + ((row * 17) % 35)]} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const compare = (a: string | number, b: string | number) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
