-- +goose Up

-- Who somebody is, and what they may do, is kept by every instance. Whatever changes it tells them, whoever made the change.
-- +goose StatementBegin
CREATE FUNCTION tell_standing() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- the column that holds the user's id
    id_column text := TG_ARGV[0];
BEGIN
    PERFORM pg_notify('traitortrack_user', to_jsonb(coalesce(NEW, OLD)) ->> id_column);
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER tell_standing AFTER UPDATE ON "user" FOR EACH ROW
WHEN ((OLD.org_id, OLD.username, OLD.role, OLD.area, OLD.active, OLD.session_epoch, OLD.must_change_password)
      IS DISTINCT FROM (NEW.org_id, NEW.username, NEW.role, NEW.area, NEW.active, NEW.session_epoch, NEW.must_change_password))
EXECUTE FUNCTION tell_standing('id');
CREATE TRIGGER tell_end AFTER DELETE ON "user" FOR EACH ROW EXECUTE FUNCTION tell_standing('id');

CREATE TRIGGER tell_standing AFTER UPDATE ON totp FOR EACH ROW
WHEN ((OLD.confirmed_at IS NULL) <> (NEW.confirmed_at IS NULL)) EXECUTE FUNCTION tell_standing('user_id');
CREATE TRIGGER tell_end AFTER INSERT OR DELETE ON totp FOR EACH ROW EXECUTE FUNCTION tell_standing('user_id');
