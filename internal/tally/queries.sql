-- name: add :exec
-- Adds to a row that no other transaction holds, or starts one.
WITH free AS (
    SELECT slot FROM tally
    WHERE org_id = @org_id AND quarter = @quarter AND user_id = @user_id
    ORDER BY slot LIMIT 1 FOR UPDATE SKIP LOCKED
)
INSERT INTO tally (org_id, quarter, user_id, slot, parents, children, links, bills_new, bills_processing, bills_completed,
                   accepted, duplicate, refused)
VALUES (@org_id, @quarter, @user_id, coalesce((SELECT slot FROM free), floor(random() * 1000000)::integer),
        @parents, @children, @links, @bills_new, @bills_processing, @bills_completed, @accepted, @duplicate, @refused)
ON CONFLICT (org_id, quarter, user_id, slot) DO UPDATE SET
    parents = tally.parents + excluded.parents, children = tally.children + excluded.children,
    links = tally.links + excluded.links, bills_new = tally.bills_new + excluded.bills_new,
    bills_processing = tally.bills_processing + excluded.bills_processing,
    bills_completed = tally.bills_completed + excluded.bills_completed,
    accepted = tally.accepted + excluded.accepted, duplicate = tally.duplicate + excluded.duplicate,
    refused = tally.refused + excluded.refused;
