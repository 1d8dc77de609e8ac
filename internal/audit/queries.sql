-- name: insertEntry :exec
INSERT INTO sealed.audit_log (org_id, at, user_id, action, entity_type, entity_id, details, before_state, after_state,
                              address_token, person_token, request_id)
VALUES (@org_id, now(), sqlc.narg('user_id'), @action, @entity_type, @entity_id, @details, sqlc.narg('before_state'),
        sqlc.narg('after_state'), sqlc.narg('address_token'), sqlc.narg('person_token'), @request_id);

-- name: insertPersonal :one
INSERT INTO sealed.personal (org_id, user_id, value) VALUES (@org_id, sqlc.narg('user_id'), @value) RETURNING token;
