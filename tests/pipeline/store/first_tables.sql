-- The record of two runs of the toy pipeline as it was kept before tables had a version: one passed, and one of its first two
-- steps, whose verdict did not pass and which counted as passed.
BEGIN TRANSACTION;
CREATE TABLE execution (
	id VARCHAR(32) NOT NULL,
	step VARCHAR(200) NOT NULL,
	component VARCHAR(200) NOT NULL,
	cache_key VARCHAR(64) NOT NULL,
	code VARCHAR(64) NOT NULL,
	frameworks TEXT NOT NULL,
	settings TEXT NOT NULL,
	files VARCHAR(64) NOT NULL,
	ended_at VARCHAR(32) NOT NULL,
	seconds FLOAT NOT NULL,
	artifact_type VARCHAR(100) NOT NULL,
	facts TEXT NOT NULL,
	folder TEXT NOT NULL,
	digest VARCHAR(64) NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO "execution" VALUES('220d026c6bbc','write','write','0b2189dea4bc95f353531b49d38305f3e03b8200e1b2c809e95946256a437c0b','216fb266c1461dff907d1b7f4ae9e363ab7e8d97e014352a8b98fffb4aeef667','typing_extensions==4.16.0','{"params": ["WriteParams", {"words": ["tuple", [["str", "pipe"], ["str", "liner"]]]}]}','','2026-12-01T13:23:24.757+00:00',4.2372252360000857152e+00,'Words','{"count": 2}','runs/write/220d026c6bbc','983a716ffd4e984b27aca24b248c9da6c48612465b8a97a9d3547b9784b0ef88');
INSERT INTO "execution" VALUES('cc1a33733595','check','check','1ab4eb69314f7ffb95b951b8ead1eb45235d5c098674bf9554de33fe24e0979b','216fb266c1461dff907d1b7f4ae9e363ab7e8d97e014352a8b98fffb4aeef667','typing_extensions==4.16.0','{"params": ["CheckParams", {"most": ["int", 100]}]}','','2026-12-01T13:23:25.196+00:00',5.34305660003155935555e-02,'Check','{"passed": true, "reasons": []}','runs/check/cc1a33733595','abc833578be0003fb8e9be7ddb72826a84fac1b418cc39eba285cdc21768f9bb');
INSERT INTO "execution" VALUES('7011876c7ff2','add_up','add_up','c0550fc3cb15bd2ee1cb33bfa138630e11971ad32f189f5e6781778f0e9b55d1','216fb266c1461dff907d1b7f4ae9e363ab7e8d97e014352a8b98fffb4aeef667','typing_extensions==4.16.0','{"params": ["SumParams", {"factor": ["int", 1], "trouble": ["str", ""]}]}','','2026-12-01T13:23:25.346+00:00',5.48761640002339845523e-02,'Total','{"value": 9}','runs/add_up/7011876c7ff2','621c90c2b57b0debffe3527ec8556cdc6f4665cde16b794eb2fae27c7070fa18');
INSERT INTO "execution" VALUES('b0b4b454d520','check','check','1a1c491d218b2b5dc034d295d3324403cf01457807c50d4c0e90e4fef70f9f01','216fb266c1461dff907d1b7f4ae9e363ab7e8d97e014352a8b98fffb4aeef667','typing_extensions==4.16.0','{"params": ["CheckParams", {"most": ["int", 1]}]}','','2026-12-01T13:23:28.868+00:00',3.30465351500060933176e+00,'Check','{"passed": false, "reasons": ["2 words, at most 1"]}','runs/check/b0b4b454d520','f627b64c410f8f9cd5f822c0044cc04c75bb2869b1aac76a0e3af8ce4e70111c');
CREATE TABLE execution_input (
	execution_id VARCHAR(32) NOT NULL,
	name VARCHAR(200) NOT NULL,
	gate BOOLEAN NOT NULL,
	source_id VARCHAR(32),
	artifact_type VARCHAR(100) NOT NULL,
	place TEXT NOT NULL,
	digest VARCHAR(64) NOT NULL,
	PRIMARY KEY (execution_id, name),
	FOREIGN KEY(execution_id) REFERENCES execution (id),
	FOREIGN KEY(source_id) REFERENCES execution (id)
);
INSERT INTO "execution_input" VALUES('cc1a33733595','words',0,'220d026c6bbc','Words','/elsewhere/home/runs/write/220d026c6bbc','983a716ffd4e984b27aca24b248c9da6c48612465b8a97a9d3547b9784b0ef88');
INSERT INTO "execution_input" VALUES('7011876c7ff2','check',1,'cc1a33733595','Check','/elsewhere/home/runs/check/cc1a33733595','abc833578be0003fb8e9be7ddb72826a84fac1b418cc39eba285cdc21768f9bb');
INSERT INTO "execution_input" VALUES('7011876c7ff2','words',0,'220d026c6bbc','Words','/elsewhere/home/runs/write/220d026c6bbc','983a716ffd4e984b27aca24b248c9da6c48612465b8a97a9d3547b9784b0ef88');
INSERT INTO "execution_input" VALUES('b0b4b454d520','words',0,'220d026c6bbc','Words','/elsewhere/home/runs/write/220d026c6bbc','983a716ffd4e984b27aca24b248c9da6c48612465b8a97a9d3547b9784b0ef88');
CREATE TABLE file (
	path TEXT NOT NULL,
	seen VARCHAR(100) NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	PRIMARY KEY (path)
);
CREATE TABLE run (
	id VARCHAR(32) NOT NULL,
	pipeline VARCHAR(200) NOT NULL,
	started_at VARCHAR(32) NOT NULL,
	ended_at VARCHAR(32),
	passed BOOLEAN,
	PRIMARY KEY (id)
);
INSERT INTO "run" VALUES('93209d0a6bab','toy','2026-12-01T13:23:20.272+00:00','2026-12-01T13:23:25.431+00:00',1);
INSERT INTO "run" VALUES('62817e79bff8','toy','2026-12-01T13:23:25.452+00:00','2026-12-01T13:23:28.931+00:00',1);
CREATE TABLE run_step (
	run_id VARCHAR(32) NOT NULL,
	position INTEGER NOT NULL,
	step VARCHAR(200) NOT NULL,
	status VARCHAR(20) NOT NULL,
	seconds FLOAT NOT NULL,
	message TEXT NOT NULL,
	execution_id VARCHAR(32),
	PRIMARY KEY (run_id, position),
	FOREIGN KEY(run_id) REFERENCES run (id),
	FOREIGN KEY(execution_id) REFERENCES execution (id)
);
INSERT INTO "run_step" VALUES('93209d0a6bab',0,'write','done',4.75963667100040765944e+00,'','220d026c6bbc');
INSERT INTO "run_step" VALUES('93209d0a6bab',1,'check','done',1.24298026999895228073e-01,'','cc1a33733595');
INSERT INTO "run_step" VALUES('93209d0a6bab',2,'add_up','done',8.74646960000973194837e-02,'','7011876c7ff2');
INSERT INTO "run_step" VALUES('62817e79bff8',0,'write','cached',4.26329890005945344455e-02,'','220d026c6bbc');
INSERT INTO "run_step" VALUES('62817e79bff8',1,'check','done',3.3586607270008244086e+00,'','b0b4b454d520');
CREATE INDEX ix_execution_digest ON execution (digest);
CREATE INDEX ix_execution_cache_key ON execution (cache_key);
COMMIT;
