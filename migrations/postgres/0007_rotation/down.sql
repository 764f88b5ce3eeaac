DROP TABLE token_rotations;
