DROP TABLE deprovisions;
DROP TABLE target_items;
DROP TABLE targets;
