DROP TABLE guest_links;
ALTER TABLE operators DROP COLUMN tenants;
DROP TABLE sign_in_steps;
DROP TABLE recovery_codes;
ALTER TABLE operators DROP COLUMN totp_step;
ALTER TABLE operators DROP COLUMN totp_since;
ALTER TABLE operators DROP COLUMN totp_sealed;
DROP TABLE operator_links;
ALTER TABLE sessions DROP COLUMN checked_at;
