-- +goose NO TRANSACTION
-- +goose Up

-- Who made a bag, and whoever gets a notice, belongs to its organization: one key says so and is looked up once, where two said
-- less. A completed bill is told to every admin, and a scan may make a bag. The rows that are there are looked at without
-- keeping anybody from writing. What was begun and cut short is begun anew.
ALTER TABLE bag DROP CONSTRAINT IF EXISTS bag_org_id_created_by_fkey;
ALTER TABLE notification DROP CONSTRAINT IF EXISTS notification_org_id_user_id_fkey;
ALTER TABLE "user" DROP CONSTRAINT IF EXISTS user_org_id_id_key, ADD CONSTRAINT user_org_id_id_key UNIQUE (org_id, id);

ALTER TABLE bag ADD CONSTRAINT bag_org_id_created_by_fkey FOREIGN KEY (org_id, created_by) REFERENCES "user" (org_id, id) NOT VALID;
ALTER TABLE bag VALIDATE CONSTRAINT bag_org_id_created_by_fkey;
ALTER TABLE bag DROP CONSTRAINT IF EXISTS bag_created_by_fkey, DROP CONSTRAINT IF EXISTS bag_org_id_fkey;

ALTER TABLE notification ADD CONSTRAINT notification_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES "user" (org_id, id)
    ON DELETE CASCADE NOT VALID;
ALTER TABLE notification VALIDATE CONSTRAINT notification_org_id_user_id_fkey;
ALTER TABLE notification DROP CONSTRAINT IF EXISTS notification_user_id_fkey, DROP CONSTRAINT IF EXISTS notification_org_id_fkey;

-- A receipt is written with its scan, which nothing can take from its organization. It is gone after some days.
ALTER TABLE scan_receipt DROP CONSTRAINT IF EXISTS scan_receipt_org_id_fkey;
