-- name: add :exec
-- Adds to a row of the quarter that no other transaction holds, or starts one. Rows of users are from before the totals named nobody.
INSERT INTO tally (org_id, quarter, user_id, slot, parents, children, links, bills_new, bills_processing, bills_completed,
                   accepted, duplicate, refused)
VALUES (@org_id, @quarter, 0,
        coalesce((SELECT t.slot FROM tally t
                  WHERE t.org_id = @org_id AND t.quarter = @quarter AND t.user_id = 0
                  ORDER BY t.slot LIMIT 1 FOR UPDATE SKIP LOCKED),
                 floor(random() * 1000000)::integer),
        @parents, @children, @links, @bills_new, @bills_processing, @bills_completed, @accepted, @duplicate, @refused)
ON CONFLICT (org_id, quarter, user_id, slot) DO UPDATE SET
    parents = tally.parents + excluded.parents, children = tally.children + excluded.children,
    links = tally.links + excluded.links, bills_new = tally.bills_new + excluded.bills_new,
    bills_processing = tally.bills_processing + excluded.bills_processing,
    bills_completed = tally.bills_completed + excluded.bills_completed,
    accepted = tally.accepted + excluded.accepted, duplicate = tally.duplicate + excluded.duplicate,
    refused = tally.refused + excluded.refused;

-- name: addScans :exec
-- Adds to what each of some people has scanned on the organization's day of a moment.
INSERT INTO tally_person (org_id, day, user_id, slot, accepted, duplicate, refused)
SELECT o.id, o.day, d.user_id,
       coalesce((SELECT t.slot FROM tally_person t
                 WHERE t.org_id = o.id AND t.day = o.day AND t.user_id = d.user_id
                 ORDER BY t.slot LIMIT 1 FOR UPDATE SKIP LOCKED),
                floor(random() * 1000000)::integer),
       d.accepted, d.duplicate, d.refused
FROM (SELECT id, date(timezone(time_zone, @at::timestamptz)) AS day FROM organization WHERE id = @org_id) o,
     (SELECT unnest(@user_ids::bigint[]) AS user_id, unnest(@accepted::bigint[]) AS accepted,
             unnest(@duplicate::bigint[]) AS duplicate, unnest(@refused::bigint[]) AS refused) d
ON CONFLICT (org_id, day, user_id, slot) DO UPDATE SET
    accepted = tally_person.accepted + excluded.accepted, duplicate = tally_person.duplicate + excluded.duplicate,
    refused = tally_person.refused + excluded.refused;

-- name: fold :exec
-- Adds the quarters before a moment to the one row that holds all that is long past, and takes them away.
WITH past AS (
    DELETE FROM tally t WHERE t.org_id = @org_id AND t.quarter > 'epoch' AND t.quarter < @before RETURNING t.*
)
INSERT INTO tally (org_id, quarter, user_id, slot, parents, children, links, bills_new, bills_processing, bills_completed,
                   accepted, duplicate, refused)
SELECT past.org_id, 'epoch', 0, 0, sum(past.parents), sum(past.children), sum(past.links), sum(past.bills_new),
       sum(past.bills_processing), sum(past.bills_completed), sum(past.accepted), sum(past.duplicate), sum(past.refused)
FROM past GROUP BY past.org_id
ON CONFLICT (org_id, quarter, user_id, slot) DO UPDATE SET
    parents = tally.parents + excluded.parents, children = tally.children + excluded.children,
    links = tally.links + excluded.links, bills_new = tally.bills_new + excluded.bills_new,
    bills_processing = tally.bills_processing + excluded.bills_processing,
    bills_completed = tally.bills_completed + excluded.bills_completed,
    accepted = tally.accepted + excluded.accepted, duplicate = tally.duplicate + excluded.duplicate,
    refused = tally.refused + excluded.refused;

-- name: forget :exec
-- Takes the days before that of a moment away.
DELETE FROM tally_person WHERE org_id = @org_id AND day < date(timezone('UTC', @before::timestamptz));
