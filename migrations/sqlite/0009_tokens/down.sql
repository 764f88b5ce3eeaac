DROP TABLE access_tokens;
ALTER TABLE tokens DROP COLUMN kind;
DROP INDEX refusals_of_token;
DROP TABLE token_hours;
ALTER TABLE tokens DROP COLUMN warned_days;
ALTER TABLE tokens DROP COLUMN networks;
ALTER TABLE token_usage DROP COLUMN first_operation;
ALTER TABLE token_usage DROP COLUMN first_agent;
ALTER TABLE token_usage DROP COLUMN first_address;
