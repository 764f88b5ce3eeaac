ALTER TABLE endpoints DROP COLUMN purge_began_at;
DROP TABLE change_floors;
DROP TABLE leases;
