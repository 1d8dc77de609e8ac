-- +goose Up

-- What each person scans on a day of the organization's calendar, for the list of who scans today. The totals name nobody any more: added up
-- by person and quarter of an hour, they would grow through the day with the number of people. A day's rows are kept until it is over.
-- Writers take a row of their own (slot), as in tally.
CREATE TABLE tally_person (
    org_id    bigint NOT NULL,
    day       date NOT NULL,
    user_id   bigint NOT NULL,
    slot      integer NOT NULL,
    accepted  bigint NOT NULL,
    duplicate bigint NOT NULL,
    refused   bigint NOT NULL,
    PRIMARY KEY (org_id, day, user_id, slot),
    FOREIGN KEY (org_id, user_id) REFERENCES "user" (org_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50);
