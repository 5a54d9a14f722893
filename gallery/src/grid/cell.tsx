// One picture of the grid: a link to look at it, and a box to select it.
import { memo } from "preact/compat";
import type { Listed } from "../api/types";
import { follow, go, hrefTo } from "../state/place";
import { day } from "../text";
import { Check } from "../ui/icons";
import { Picture } from "../ui/picture";

export interface CellProps {
  image: Listed;
  index: number;
  total: number;
  x: number;
  y: number;
  width: number;
  height: number;
  isActive: boolean;
  isSelecting: boolean;
  isSelected: boolean;
  isArriving: boolean;
  onFocus: (index: number) => void;
  onSelect: (index: number, isRange: boolean) => void;
}

export const Cell = memo(function Cell(props: CellProps) {
  const { image, index, total, x, y, width, height, isActive, isSelecting, isSelected } = props;
  const { isArriving, onFocus, onSelect } = props;
  const box = { transform: `translate(${x}px, ${y}px)`, width: `${width}px`, height: `${height}px` };
  const tabIndex = isActive ? 0 : -1;
  const onClick = (event: MouseEvent) => {
    if (isSelecting && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      onSelect(index, event.shiftKey);
    } else follow(event, () => go({ image: image.imageId }));
  };
  return (
    <li
      class={`cell ${isSelected ? "is-selected" : ""} ${isArriving ? "is-arriving" : ""}`}
      style={box}
      data-index={index}
      aria-setsize={total}
      aria-posinset={index + 1}
    >
      <a
        href={hrefTo({ image: image.imageId })}
        data-id={image.imageId}
        tabIndex={tabIndex}
        aria-label={described(image)}
        onFocus={() => onFocus(index)}
        onClick={onClick}
      >
        <Picture
          thumbnails={image.thumbnails ?? []}
          fallback={image.here}
          hash={image.thumbhash}
          alt=""
          width={image.width}
          height={image.height}
          shownWidth={width}
        />
        <Caption image={image} />
      </a>
      <button
        class="check"
        role="checkbox"
        aria-checked={isSelected}
        aria-label={`Select ${image.filename}`}
        tabIndex={tabIndex}
        onFocus={() => onFocus(index)}
        onClick={(event) => onSelect(index, event.shiftKey)}
      >
        <Check size={16} strokeWidth={3} aria-hidden="true" />
      </button>
    </li>
  );
});

function Caption({ image }: { image: Listed }) {
  return (
    <span class={image.distance === undefined ? "caption" : "caption has-likeness"} aria-hidden="true">
      <span class="name">{image.filename}</span>
      {image.distance !== undefined && <Likeness image={image} />}
    </span>
  );
}

function Likeness({ image }: { image: Listed }) {
  const text = image.identical ? "same file" : image.distance === 0 ? "same picture" : "alike";
  return <span class="likeness">{text}</span>;
}

function described(image: Listed): string {
  const likeness = image.distance === undefined ? "" : image.identical ? ", same file" : ", alike";
  return `${image.filename}, ${image.width} by ${image.height}, ${day(image.createdAt)}${likeness}`;
}
