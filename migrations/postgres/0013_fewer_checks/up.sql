-- Each of these was a query of its own per row written, ten for a new user, and a lock on the row it points to. The rows are
-- written and removed by one use case together with what they point to; `check` finds those that are left alone.
ALTER TABLE resource_keys DROP CONSTRAINT resource_keys_endpoint_id_resource_id_fkey;
ALTER TABLE change_subjects DROP CONSTRAINT change_subjects_endpoint_id_seq_fkey;
ALTER TABLE changes DROP CONSTRAINT changes_endpoint_id_fkey;
