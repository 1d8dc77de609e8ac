CREATE SCHEMA sealed;

CREATE FUNCTION public.ensure_partitions(from_month date, to_month date) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    parent     text;
    month      timestamp;
    made       integer := 0;
    part_name  text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['public.scan', 'sealed.audit_log'] LOOP
        FOR month IN SELECT generate_series(date_trunc('month', from_month::timestamp), date_trunc('month', to_month::timestamp), interval '1 month') LOOP
            part_name := parent || to_char(month, '_YYYY_MM');
            IF to_regclass(part_name) IS NULL THEN
                EXECUTE format('CREATE TABLE IF NOT EXISTS %s PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', part_name, parent,
                    to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
                PERFORM public.never_emptied(part_name::regclass);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

CREATE FUNCTION public.keep_an_admin() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM 1 FROM organization WHERE id = OLD.org_id FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM "user" WHERE org_id = OLD.org_id AND role = 'admin' AND active) THEN
        RAISE EXCEPTION 'organization % keeps its last admin', OLD.org_id USING ERRCODE = 'check_violation', CONSTRAINT = 'user_last_admin';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.never_emptied(part regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = part AND tgname = 'never_emptied') THEN
        EXECUTE format('CREATE TRIGGER never_emptied BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', part);
    END IF;
END $$;

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION public.tell_standing() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    -- the column that holds the user's id
    id_column text := TG_ARGV[0];
BEGIN
    PERFORM pg_notify('traitortrack_user', to_jsonb(coalesce(NEW, OLD)) ->> id_column);
    RETURN NULL;
END $$;

CREATE FUNCTION sealed.begin_segment(number integer, system_id bigint, xid_offset bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    parent text;
BEGIN
    INSERT INTO sealed.segment VALUES (number, system_id, xid_offset, now());
    IF xid_offset > 0 THEN
        FOREACH parent IN ARRAY ARRAY['sealed.audit_log', 'public.scan'] LOOP
            EXECUTE format('ALTER TABLE %s ALTER COLUMN xid SET DEFAULT (pg_current_xact_id()::text::bigint + %s)::text::xid8', parent, xid_offset);
        END LOOP;
    END IF;
END $$;

CREATE TABLE sealed.archive (
    month text NOT NULL COLLATE pg_catalog."C",
    file text NOT NULL,
    sha256 bytea NOT NULL,
    entries bigint NOT NULL,
    kept bytea NOT NULL,
    archived_at timestamp with time zone NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT archive_month_check CHECK ((month ~ '^[0-9]{4}-[0-9]{2}$'::text))
);

CREATE FUNCTION sealed.retire_month(retired sealed.archive, kept_actions text[]) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    part    regclass := to_regclass('sealed.audit_log_' || replace(retired.month, '-', '_'));
    ends    timestamptz := ((retired.month || '-01')::timestamp + interval '1 month') AT TIME ZONE 'UTC';
    present bigint;
    staying bigint := length(retired.kept) / 24;
BEGIN
    IF part IS NULL OR ends > now() - interval '90 days' THEN
        RAISE EXCEPTION '% is not older than 90 days', retired.month USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', part);
    EXECUTE format('CREATE TEMP TABLE audit_log_kept ON COMMIT DROP AS SELECT * FROM %s WHERE action = ANY ($1)', part) USING kept_actions;
    EXECUTE format('SELECT count(*) FROM %s', part) INTO present;
    IF present <> retired.entries + staying OR staying <> (SELECT count(*) FROM audit_log_kept) THEN
        RAISE EXCEPTION '% holds % rows, and % were archived and % kept', retired.month, present, retired.entries, staying;
    END IF;
    EXECUTE format('ALTER TABLE %s DISABLE TRIGGER never_emptied', part);
    EXECUTE format('TRUNCATE %s', part);
    EXECUTE format('ALTER TABLE %s ENABLE TRIGGER never_emptied', part);
    EXECUTE format('INSERT INTO %s SELECT * FROM audit_log_kept', part);
    DROP TABLE audit_log_kept;
    INSERT INTO sealed.archive SELECT retired.*;
END $_$;

CREATE FUNCTION sealed.summarize_scans() RETURNS bigint
    LANGUAGE sql
    AS $$
    SELECT sum(brin_summarize_new_values(inhrelid)) FROM pg_inherits WHERE inhparent = 'public.scan_xid_idx'::regclass
$$;

CREATE TABLE public.api_token (
    org_id bigint NOT NULL,
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    token_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    CONSTRAINT api_token_name_check CHECK ((name <> ''::text)),
    CONSTRAINT api_token_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ '{read,scan,bill,admin}'::text[])))
);

ALTER TABLE public.api_token ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.api_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE sealed.audit_log (
    org_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    id bigint NOT NULL,
    user_id bigint,
    action text NOT NULL,
    entity_type text NOT NULL,
    entity_id text NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    before_state jsonb,
    after_state jsonb,
    address_token bigint,
    person_token bigint,
    request_id text DEFAULT ''::text NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL
)
PARTITION BY RANGE (at);

CREATE TABLE sealed.personal (
    token bigint NOT NULL,
    org_id bigint NOT NULL,
    user_id bigint,
    value jsonb NOT NULL
);

CREATE VIEW public.audit_log AS
 SELECT a.org_id,
    a.id,
    a.at AS "timestamp",
    a.user_id,
    a.action,
    a.entity_type,
    a.entity_id,
    (a.details || COALESCE((p.value -> 'details'::text), '{}'::jsonb)) AS details,
    (a.before_state || COALESCE((p.value -> 'before'::text), '{}'::jsonb)) AS before_state,
    (a.after_state || COALESCE((p.value -> 'after'::text), '{}'::jsonb)) AS after_state,
    (ip.value ->> 'ip_address'::text) AS ip_address,
    a.request_id
   FROM ((sealed.audit_log a
     LEFT JOIN sealed.personal ip ON ((ip.token = a.address_token)))
     LEFT JOIN sealed.personal p ON ((p.token = a.person_token)));

CREATE TABLE public.bag (
    org_id bigint NOT NULL,
    id bigint NOT NULL,
    kind text NOT NULL,
    code text NOT NULL COLLATE pg_catalog."C",
    format_id bigint,
    area text,
    capacity integer DEFAULT 0 NOT NULL,
    child_grams integer,
    children integer DEFAULT 0 NOT NULL,
    weight_grams bigint DEFAULT 0 NOT NULL,
    closed_by_hand boolean DEFAULT false NOT NULL,
    linked boolean DEFAULT false NOT NULL,
    created_by bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_scan_at timestamp with time zone,
    status text GENERATED ALWAYS AS (
CASE
    WHEN (kind = 'child'::text) THEN
    CASE
        WHEN linked THEN 'linked'::text
        ELSE 'unlinked'::text
    END
    WHEN (children = 0) THEN 'pending'::text
    WHEN ((children >= capacity) OR closed_by_hand) THEN 'completed'::text
    ELSE 'in_progress'::text
END) STORED NOT NULL,
    CONSTRAINT bag_area_check CHECK ((area <> ''::text)),
    CONSTRAINT bag_capacity CHECK (((children >= 0) AND (children <= capacity))),
    CONSTRAINT bag_child_shape CHECK (((kind = 'parent'::text) OR ((format_id IS NULL) AND (capacity = 0) AND (area IS NULL) AND (NOT closed_by_hand)))),
    CONSTRAINT bag_closed_holds CHECK (((NOT closed_by_hand) OR (children > 0))),
    CONSTRAINT bag_code_check CHECK (((length(code) >= 4) AND (length(code) <= 60))),
    CONSTRAINT bag_kind_check CHECK ((kind = ANY (ARRAY['parent'::text, 'child'::text]))),
    CONSTRAINT bag_parent_shape CHECK (((kind = 'child'::text) OR ((format_id IS NOT NULL) AND (capacity > 0) AND (child_grams > 0) AND (NOT linked)))),
    CONSTRAINT bag_weight_grams_check CHECK ((weight_grams >= 0))
)
WITH (fillfactor='85');

CREATE TABLE public.bag_format (
    org_id bigint NOT NULL,
    id bigint NOT NULL,
    name text NOT NULL,
    parent_pattern text NOT NULL,
    capacity integer NOT NULL,
    child_grams integer NOT NULL,
    CONSTRAINT bag_format_capacity_check CHECK (((capacity >= 1) AND (capacity <= 500))),
    CONSTRAINT bag_format_child_grams_check CHECK ((child_grams > 0)),
    CONSTRAINT bag_format_name_check CHECK ((name <> ''::text)),
    CONSTRAINT bag_format_parent_pattern_check CHECK ((parent_pattern <> ''::text))
);

ALTER TABLE public.bag_format ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.bag_format_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.bag ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.bag_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.bill (
    org_id bigint NOT NULL,
    id bigint NOT NULL,
    number text NOT NULL,
    number_key text NOT NULL COLLATE pg_catalog."C",
    description text DEFAULT ''::text NOT NULL,
    capacity integer NOT NULL,
    linked integer DEFAULT 0 NOT NULL,
    completed_at timestamp with time zone,
    completed_by bigint,
    created_by bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    status text GENERATED ALWAYS AS (
CASE
    WHEN (completed_at IS NOT NULL) THEN 'completed'::text
    WHEN (linked > 0) THEN 'processing'::text
    ELSE 'new'::text
END) STORED NOT NULL,
    CONSTRAINT bill_capacity CHECK (((linked >= 0) AND (linked <= capacity))),
    CONSTRAINT bill_capacity_check CHECK (((capacity >= 1) AND (capacity <= 500))),
    CONSTRAINT bill_complete CHECK (((completed_at IS NULL) OR (linked = capacity))),
    CONSTRAINT bill_completed_by CHECK (((completed_at IS NULL) = (completed_by IS NULL))),
    CONSTRAINT bill_description_check CHECK ((length(description) <= 500)),
    CONSTRAINT bill_number_check CHECK ((((length(number) >= 1) AND (length(number) <= 50)) AND (number <> ALL (ARRAY['.'::text, '..'::text]))))
);

CREATE TABLE public.bill_bag (
    org_id bigint NOT NULL,
    bag_id bigint NOT NULL,
    bill_id bigint NOT NULL,
    linked_by bigint NOT NULL,
    linked_at timestamp with time zone NOT NULL,
    bag_kind text GENERATED ALWAYS AS ('parent'::text) STORED NOT NULL
);

ALTER TABLE public.bill ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.bill_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.billing (
    org_id bigint NOT NULL,
    standing text NOT NULL,
    trial_ends_at timestamp with time zone,
    past_due_since timestamp with time zone,
    grace_days integer,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT billing_grace CHECK (((past_due_since IS NULL) = (grace_days IS NULL))),
    CONSTRAINT billing_grace_days_check CHECK (((grace_days >= 0) AND (grace_days <= 365))),
    CONSTRAINT billing_past_due CHECK (((standing = 'past_due'::text) = (past_due_since IS NOT NULL))),
    CONSTRAINT billing_standing_check CHECK ((standing = ANY (ARRAY['exempt'::text, 'active'::text, 'trialing'::text, 'past_due'::text, 'suspended'::text, 'canceled'::text]))),
    CONSTRAINT billing_trial CHECK (((standing = 'trialing'::text) = (trial_ends_at IS NOT NULL)))
);

CREATE TABLE public.link (
    org_id bigint NOT NULL,
    child_id bigint NOT NULL,
    parent_id bigint NOT NULL,
    weight_grams integer NOT NULL,
    linked_by bigint NOT NULL,
    linked_at timestamp with time zone NOT NULL,
    child_kind text GENERATED ALWAYS AS ('child'::text) STORED NOT NULL,
    parent_kind text GENERATED ALWAYS AS ('parent'::text) STORED NOT NULL,
    CONSTRAINT link_weight_grams_check CHECK ((weight_grams > 0))
);

CREATE TABLE public.login_lock (
    name_hash bytea NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    last_failed_at timestamp with time zone,
    locked_until timestamp with time zone,
    touched_at timestamp with time zone NOT NULL
);

CREATE TABLE public.notification (
    org_id bigint NOT NULL,
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    kind text NOT NULL,
    message text NOT NULL,
    link text,
    read_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    subject_id bigint,
    CONSTRAINT notification_message_check CHECK ((message <> ''::text))
);

ALTER TABLE public.notification ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.organization (
    id bigint NOT NULL,
    name text NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    settings_version bigint DEFAULT 1 NOT NULL,
    CONSTRAINT organization_name_check CHECK ((name <> ''::text))
);

ALTER TABLE public.organization ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.organization_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.password_link (
    org_id bigint NOT NULL,
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    purpose text NOT NULL,
    token_hash bytea,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT password_link_purpose_check CHECK ((purpose = ANY (ARRAY['reset'::text, 'invitation'::text])))
);

ALTER TABLE public.password_link ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.password_link_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.promotion_request (
    org_id bigint NOT NULL,
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    role text NOT NULL,
    reason text NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    note text,
    answered_by bigint,
    answered_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT promotion_answered CHECK ((((status = ANY (ARRAY['approved'::text, 'declined'::text])) = (answered_by IS NOT NULL)) AND ((status = 'open'::text) = (answered_at IS NULL)))),
    CONSTRAINT promotion_not_by_oneself CHECK ((answered_by <> user_id)),
    CONSTRAINT promotion_request_reason_check CHECK ((reason <> ''::text)),
    CONSTRAINT promotion_request_role_check CHECK ((role = ANY (ARRAY['biller'::text, 'admin'::text]))),
    CONSTRAINT promotion_request_status_check CHECK ((status = ANY (ARRAY['open'::text, 'approved'::text, 'declined'::text, 'withdrawn'::text])))
);

ALTER TABLE public.promotion_request ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.promotion_request_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.recovery_code (
    org_id bigint NOT NULL,
    user_id bigint NOT NULL,
    code_hash bytea NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE public.scan (
    org_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    id uuid NOT NULL,
    event text NOT NULL,
    outcome text NOT NULL,
    code text NOT NULL COLLATE pg_catalog."C",
    parent_code text COLLATE pg_catalog."C",
    other text,
    user_id bigint NOT NULL,
    device text DEFAULT ''::text NOT NULL,
    device_at timestamp with time zone,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT scan_event_check CHECK ((event = ANY (ARRAY['scan'::text, 'unlink'::text, 'close'::text, 'reopen'::text, 'bill'::text, 'unbill'::text])))
)
PARTITION BY RANGE (at);

CREATE TABLE public.scan_receipt (
    org_id bigint NOT NULL,
    scan_id uuid NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.session (
    token_hash bytea NOT NULL,
    user_id bigint NOT NULL,
    session_epoch bigint NOT NULL,
    data bytea NOT NULL,
    device text DEFAULT ''::text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    pending boolean DEFAULT false NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE public.session_generation (
    only_row boolean DEFAULT true NOT NULL,
    generation bigint NOT NULL,
    CONSTRAINT session_generation_only_row_check CHECK (only_row)
);

CREATE TABLE public.setting (
    org_id bigint NOT NULL,
    name text NOT NULL,
    value jsonb NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.tally (
    org_id bigint NOT NULL,
    quarter timestamp with time zone NOT NULL,
    user_id bigint NOT NULL,
    slot integer NOT NULL,
    parents bigint DEFAULT 0 NOT NULL,
    children bigint DEFAULT 0 NOT NULL,
    links bigint DEFAULT 0 NOT NULL,
    bills_new bigint DEFAULT 0 NOT NULL,
    bills_processing bigint DEFAULT 0 NOT NULL,
    bills_completed bigint DEFAULT 0 NOT NULL,
    accepted bigint DEFAULT 0 NOT NULL,
    duplicate bigint DEFAULT 0 NOT NULL,
    refused bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.tally_person (
    org_id bigint NOT NULL,
    day date NOT NULL,
    user_id bigint NOT NULL,
    slot integer NOT NULL,
    accepted bigint NOT NULL,
    duplicate bigint NOT NULL,
    refused bigint NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.totp (
    org_id bigint NOT NULL,
    user_id bigint NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    last_step bigint DEFAULT 0 NOT NULL,
    confirmed_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    next_key_id text,
    next_sealed bytea,
    next_at timestamp with time zone,
    CONSTRAINT totp_next CHECK ((((next_key_id IS NULL) = (next_sealed IS NULL)) AND ((next_key_id IS NULL) = (next_at IS NULL))))
);

CREATE TABLE public."user" (
    id bigint NOT NULL,
    org_id bigint NOT NULL,
    username text NOT NULL,
    email text,
    role text NOT NULL,
    area text,
    password_hash text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    session_epoch bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    must_change_password boolean DEFAULT false NOT NULL,
    last_login_at timestamp with time zone,
    erased_at timestamp with time zone,
    CONSTRAINT user_area_check CHECK ((area <> ''::text)),
    CONSTRAINT user_erased_is_inactive CHECK (((erased_at IS NULL) OR (NOT active))),
    CONSTRAINT user_role_check CHECK ((role = ANY (ARRAY['dispatcher'::text, 'biller'::text, 'admin'::text]))),
    CONSTRAINT user_username_check CHECK ((username <> ''::text))
);

ALTER TABLE public."user" ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.user_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE sealed.audit_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME sealed.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE sealed.head (
    only_row boolean DEFAULT true NOT NULL,
    seq bigint NOT NULL,
    seal_mac bytea NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT head_only_row_check CHECK (only_row)
);

ALTER TABLE sealed.personal ALTER COLUMN token ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME sealed.personal_token_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE sealed.seal (
    seq bigint NOT NULL,
    segment integer NOT NULL,
    system_id bigint NOT NULL,
    timeline integer NOT NULL,
    xid_offset bigint NOT NULL,
    from_xid bigint NOT NULL,
    horizon bigint NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    entries bytea NOT NULL,
    scans bigint NOT NULL,
    scan_hash bytea NOT NULL,
    previous bytea NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT seal_range CHECK ((from_xid < horizon))
);

ALTER TABLE ONLY sealed.seal ALTER COLUMN entries SET STORAGE EXTERNAL;

CREATE TABLE sealed.segment (
    number integer NOT NULL,
    system_id bigint NOT NULL,
    xid_offset bigint NOT NULL,
    began_at timestamp with time zone NOT NULL,
    CONSTRAINT segment_xid_offset_check CHECK ((xid_offset >= 0))
);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.bag_format
    ADD CONSTRAINT bag_format_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.bag
    ADD CONSTRAINT bag_pkey PRIMARY KEY (org_id, kind, id);

ALTER TABLE ONLY public.bill_bag
    ADD CONSTRAINT bill_bag_pkey PRIMARY KEY (org_id, bag_id);

ALTER TABLE ONLY public.bill
    ADD CONSTRAINT bill_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.billing
    ADD CONSTRAINT billing_pkey PRIMARY KEY (org_id);

ALTER TABLE ONLY public.link
    ADD CONSTRAINT link_pkey PRIMARY KEY (org_id, child_id);

ALTER TABLE ONLY public.login_lock
    ADD CONSTRAINT login_lock_pkey PRIMARY KEY (name_hash);

ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (org_id, user_id, id);

ALTER TABLE ONLY public.organization
    ADD CONSTRAINT organization_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.password_link
    ADD CONSTRAINT password_link_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.password_link
    ADD CONSTRAINT password_link_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.promotion_request
    ADD CONSTRAINT promotion_request_pkey PRIMARY KEY (org_id, id);

ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT recovery_code_pkey PRIMARY KEY (org_id, user_id, code_hash);

ALTER TABLE ONLY public.scan
    ADD CONSTRAINT scan_pkey PRIMARY KEY (org_id, at, id);

ALTER TABLE ONLY public.scan_receipt
    ADD CONSTRAINT scan_receipt_pkey PRIMARY KEY (org_id, scan_id);

ALTER TABLE ONLY public.session_generation
    ADD CONSTRAINT session_generation_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.setting
    ADD CONSTRAINT setting_pkey PRIMARY KEY (org_id, name);

ALTER TABLE ONLY public.tally_person
    ADD CONSTRAINT tally_person_pkey PRIMARY KEY (org_id, day, user_id, slot);

ALTER TABLE ONLY public.tally
    ADD CONSTRAINT tally_pkey PRIMARY KEY (org_id, quarter, user_id, slot);

ALTER TABLE ONLY public.totp
    ADD CONSTRAINT totp_pkey PRIMARY KEY (org_id, user_id);

ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_org_id_id_key UNIQUE (org_id, id);

ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sealed.archive
    ADD CONSTRAINT archive_pkey PRIMARY KEY (month);

ALTER TABLE ONLY sealed.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (org_id, at, id);

ALTER TABLE ONLY sealed.head
    ADD CONSTRAINT head_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY sealed.personal
    ADD CONSTRAINT personal_pkey PRIMARY KEY (token);

ALTER TABLE ONLY sealed.seal
    ADD CONSTRAINT seal_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY sealed.segment
    ADD CONSTRAINT segment_pkey PRIMARY KEY (number);

CREATE INDEX api_token_user_idx ON public.api_token USING btree (org_id, user_id, id);

CREATE UNIQUE INDEX bag_code_key ON public.bag USING btree (org_id, code);

CREATE UNIQUE INDEX bag_format_name_key ON public.bag_format USING btree (org_id, lower(name));

CREATE INDEX bag_status_idx ON public.bag USING btree (org_id, kind, status, id);

CREATE INDEX bill_bag_bill_idx ON public.bill_bag USING btree (org_id, bill_id, linked_at);

CREATE UNIQUE INDEX bill_number_key ON public.bill USING btree (org_id, number_key);

CREATE INDEX bill_status_idx ON public.bill USING btree (org_id, status, id);

CREATE INDEX link_parent_idx ON public.link USING btree (org_id, parent_id, linked_at);

CREATE INDEX login_lock_touched_idx ON public.login_lock USING btree (touched_at);

CREATE INDEX notification_created_idx ON public.notification USING btree (created_at);

CREATE INDEX notification_subject_idx ON public.notification USING btree (org_id, subject_id) WHERE (subject_id IS NOT NULL);

CREATE INDEX notification_unread_idx ON public.notification USING btree (org_id, user_id) WHERE (read_at IS NULL);

CREATE UNIQUE INDEX organization_name_key ON public.organization USING btree (lower(name));

CREATE INDEX password_link_expires_idx ON public.password_link USING btree (expires_at);

CREATE INDEX password_link_user_idx ON public.password_link USING btree (org_id, user_id);

CREATE UNIQUE INDEX promotion_request_open_key ON public.promotion_request USING btree (org_id, user_id) WHERE (status = 'open'::text);

CREATE INDEX promotion_request_user_idx ON public.promotion_request USING btree (org_id, user_id, id);

CREATE INDEX scan_code_idx ON ONLY public.scan USING btree (org_id, code, at);

CREATE INDEX scan_parent_idx ON ONLY public.scan USING btree (org_id, parent_code, at);

CREATE INDEX scan_receipt_at_idx ON public.scan_receipt USING btree (at);

CREATE INDEX scan_user_idx ON ONLY public.scan USING btree (org_id, user_id, at);

CREATE INDEX scan_xid_idx ON ONLY public.scan USING brin ((((xid)::text)::bigint)) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX session_expires_idx ON public.session USING btree (expires_at);

CREATE INDEX session_user_idx ON public.session USING btree (user_id);

CREATE INDEX user_admins_idx ON public."user" USING btree (org_id) WHERE (active AND (role = 'admin'::text));

CREATE INDEX user_email_idx ON public."user" USING btree (lower(email));

CREATE INDEX user_org_idx ON public."user" USING btree (org_id, lower(username));

CREATE UNIQUE INDEX user_username_key ON public."user" USING btree (lower(username));

CREATE INDEX audit_log_action_idx ON ONLY sealed.audit_log USING btree (org_id, action, at, id);

CREATE INDEX audit_log_entity_idx ON ONLY sealed.audit_log USING btree (org_id, entity_type, entity_id, at, id);

CREATE INDEX audit_log_user_idx ON ONLY sealed.audit_log USING btree (org_id, user_id, at, id);

CREATE INDEX audit_log_xid_idx ON ONLY sealed.audit_log USING btree ((((xid)::text)::bigint));

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.scan FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.scan FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER tell_end AFTER INSERT OR DELETE ON public.totp FOR EACH ROW EXECUTE FUNCTION public.tell_standing('user_id');

CREATE TRIGGER tell_end AFTER DELETE ON public."user" FOR EACH ROW EXECUTE FUNCTION public.tell_standing('id');

CREATE TRIGGER tell_standing AFTER UPDATE ON public.totp FOR EACH ROW WHEN (((old.confirmed_at IS NULL) <> (new.confirmed_at IS NULL))) EXECUTE FUNCTION public.tell_standing('user_id');

CREATE TRIGGER tell_standing AFTER UPDATE ON public."user" FOR EACH ROW WHEN ((((((((old.org_id IS DISTINCT FROM new.org_id) OR (old.username IS DISTINCT FROM new.username)) OR (old.role IS DISTINCT FROM new.role)) OR (old.area IS DISTINCT FROM new.area)) OR (old.active IS DISTINCT FROM new.active)) OR (old.session_epoch IS DISTINCT FROM new.session_epoch)) OR (old.must_change_password IS DISTINCT FROM new.must_change_password))) EXECUTE FUNCTION public.tell_standing('id');

CREATE TRIGGER user_last_admin AFTER UPDATE OF role, active ON public."user" FOR EACH ROW WHEN (((old.role = 'admin'::text) AND old.active AND (NOT ((new.role = 'admin'::text) AND new.active)))) EXECUTE FUNCTION public.keep_an_admin();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON sealed.archive FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON sealed.audit_log FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON sealed.seal FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON sealed.segment FOR EACH ROW EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER never_emptied BEFORE TRUNCATE ON sealed.archive FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER never_emptied BEFORE TRUNCATE ON sealed.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER never_emptied BEFORE TRUNCATE ON sealed.seal FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER never_emptied BEFORE TRUNCATE ON sealed.segment FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.organization(id);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.bag_format
    ADD CONSTRAINT bag_format_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.organization(id);

ALTER TABLE ONLY public.bag
    ADD CONSTRAINT bag_org_id_created_by_fkey FOREIGN KEY (org_id, created_by) REFERENCES public."user"(org_id, id);

ALTER TABLE ONLY public.bag
    ADD CONSTRAINT bag_org_id_format_id_fkey FOREIGN KEY (org_id, format_id) REFERENCES public.bag_format(org_id, id);

ALTER TABLE ONLY public.bill_bag
    ADD CONSTRAINT bill_bag_linked_by_fkey FOREIGN KEY (linked_by) REFERENCES public."user"(id);

ALTER TABLE ONLY public.bill_bag
    ADD CONSTRAINT bill_bag_org_id_bag_kind_bag_id_fkey FOREIGN KEY (org_id, bag_kind, bag_id) REFERENCES public.bag(org_id, kind, id);

ALTER TABLE ONLY public.bill_bag
    ADD CONSTRAINT bill_bag_org_id_bill_id_fkey FOREIGN KEY (org_id, bill_id) REFERENCES public.bill(org_id, id);

ALTER TABLE ONLY public.bill
    ADD CONSTRAINT bill_completed_by_fkey FOREIGN KEY (completed_by) REFERENCES public."user"(id);

ALTER TABLE ONLY public.bill
    ADD CONSTRAINT bill_created_by_fkey FOREIGN KEY (created_by) REFERENCES public."user"(id);

ALTER TABLE ONLY public.bill
    ADD CONSTRAINT bill_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.organization(id);

ALTER TABLE ONLY public.billing
    ADD CONSTRAINT billing_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.organization(id);

ALTER TABLE ONLY public.link
    ADD CONSTRAINT link_linked_by_fkey FOREIGN KEY (linked_by) REFERENCES public."user"(id);

ALTER TABLE ONLY public.link
    ADD CONSTRAINT link_org_id_child_kind_child_id_fkey FOREIGN KEY (org_id, child_kind, child_id) REFERENCES public.bag(org_id, kind, id);

ALTER TABLE ONLY public.link
    ADD CONSTRAINT link_org_id_parent_kind_parent_id_fkey FOREIGN KEY (org_id, parent_kind, parent_id) REFERENCES public.bag(org_id, kind, id);

ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES public."user"(org_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.password_link
    ADD CONSTRAINT password_link_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.organization(id);

ALTER TABLE ONLY public.password_link
    ADD CONSTRAINT password_link_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.promotion_request
    ADD CONSTRAINT promotion_request_answered_by_fkey FOREIGN KEY (answered_by) REFERENCES public."user"(id);

ALTER TABLE ONLY public.promotion_request
    ADD CONSTRAINT promotion_request_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.organization(id);

ALTER TABLE ONLY public.promotion_request
    ADD CONSTRAINT promotion_request_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id);

ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT recovery_code_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES public.totp(org_id, user_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.setting
    ADD CONSTRAINT setting_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.organization(id);

ALTER TABLE ONLY public.tally
    ADD CONSTRAINT tally_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.organization(id);

ALTER TABLE ONLY public.tally_person
    ADD CONSTRAINT tally_person_org_id_user_id_fkey FOREIGN KEY (org_id, user_id) REFERENCES public."user"(org_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.totp
    ADD CONSTRAINT totp_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.organization(id);

ALTER TABLE ONLY public.totp
    ADD CONSTRAINT totp_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;

ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_org_id_fkey FOREIGN KEY (org_id) REFERENCES public.organization(id);

ALTER TABLE ONLY sealed.seal
    ADD CONSTRAINT seal_segment_fkey FOREIGN KEY (segment) REFERENCES sealed.segment(number);
