import { ButtonLink } from "./Button";
import { DeleteButton } from "./DeleteButton";
import { PencilIcon } from "./icons";

type Props = { name: string; editTo?: string; onDelete?: () => Promise<unknown>; compact?: boolean };

/** What someone who may write can do with a record. */
export function RecordActions({ name, editTo, onDelete, compact = false }: Props) {
  return (
    <>
      {editTo && (
        <ButtonLink variant="quiet" to={editTo} aria-label={`Edit ${name}`} className={compact ? "px-3" : ""}>
          <PencilIcon />
          {!compact && "Edit"}
        </ButtonLink>
      )}
      {onDelete && <DeleteButton name={name} onDelete={onDelete} compact={compact} />}
    </>
  );
}
