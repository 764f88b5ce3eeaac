DROP TABLE request_links;
DROP TABLE request_drops;
DROP TABLE request_bodies;
DROP TABLE requests;
