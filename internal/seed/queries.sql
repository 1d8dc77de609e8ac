-- name: keepPlan :exec
INSERT INTO setting (org_id, name, value) VALUES (@org_id, 'seed', @value) ON CONFLICT DO NOTHING;

-- name: readPlan :one
SELECT value FROM setting WHERE org_id = @org_id AND name = 'seed';

-- name: findOrganization :one
-- Global: organizations.
SELECT id FROM organization WHERE lower(name) = lower(@name);

-- name: formats :many
SELECT id, name, capacity, child_grams FROM bag_format WHERE org_id = @org_id ORDER BY id;

-- name: insertUsers :exec
-- Global: users. Those that are there from an earlier start stay.
INSERT INTO "user" (org_id, username, role, password_hash, created_at)
SELECT @org_id, n.username, n.role, @password_hash, @created_at
FROM (SELECT unnest(@usernames::text[]) AS username, unnest(@roles::text[]) AS role) n
ON CONFLICT (lower(username)) DO NOTHING;

-- name: usersOf :many
SELECT id, username, role FROM "user" WHERE org_id = @org_id ORDER BY id;

-- name: finishedParents :many
-- Which of some parents are there: a chunk is whole when its first parent is.
SELECT id FROM bag WHERE org_id = @org_id AND kind = 'parent' AND id = ANY (@ids::bigint[]);

-- name: makePartitions :one
-- Global: the months of all organizations.
SELECT ensure_partitions(CAST(@from_month::timestamptz AS date), CAST(@to_month::timestamptz AS date));

-- name: advanceIDs :exec
-- Global: the sequences of ids. What is scanned after the seed comes after its ids.
SELECT setval(pg_get_serial_sequence('public.bag', 'id'), greatest(nextval(pg_get_serial_sequence('public.bag', 'id')), @bags::bigint)),
       setval(pg_get_serial_sequence('public.bill', 'id'), greatest(nextval(pg_get_serial_sequence('public.bill', 'id')), @bills::bigint));
