-- +goose Up

-- Notices are cleared away by age.
CREATE INDEX notification_created_idx ON notification (created_at);

-- Whoever has asked for promotion may take it back.
ALTER TABLE promotion_request
    DROP CONSTRAINT promotion_request_status_check,
    DROP CONSTRAINT promotion_answered,
    ADD CONSTRAINT promotion_request_status_check CHECK (status IN ('open', 'approved', 'declined', 'withdrawn')),
    ADD CONSTRAINT promotion_answered CHECK ((status IN ('approved', 'declined')) = (answered_by IS NOT NULL) AND (status = 'open') = (answered_at IS NULL));

-- Requests are looked for by who asked. The open ones have an index of their own, and the others are few.
DROP INDEX promotion_request_status_idx;
CREATE INDEX promotion_request_user_idx ON promotion_request (org_id, user_id, id);
