ALTER TABLE changes ADD CONSTRAINT changes_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES endpoints (id) ON DELETE CASCADE;
ALTER TABLE change_subjects ADD CONSTRAINT change_subjects_endpoint_id_seq_fkey
    FOREIGN KEY (endpoint_id, seq) REFERENCES changes (endpoint_id, seq) ON DELETE CASCADE;
ALTER TABLE resource_keys ADD CONSTRAINT resource_keys_endpoint_id_resource_id_fkey
    FOREIGN KEY (endpoint_id, resource_id) REFERENCES resources (endpoint_id, id) ON DELETE CASCADE;
