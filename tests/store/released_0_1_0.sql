-- A database that kmaflow 0.1.0 made and loaded (sqlite3 .dump).
BEGIN TRANSACTION;
CREATE TABLE api_usage (
	key_id VARCHAR(12) NOT NULL, 
	day_kst VARCHAR(10) NOT NULL, 
	class VARCHAR(16) NOT NULL, 
	calls INTEGER NOT NULL, 
	bytes BIGINT NOT NULL, 
	reserved BIGINT NOT NULL, 
	PRIMARY KEY (key_id, day_kst, class)
);
CREATE TABLE asos_hourly (
	tm_kst DATETIME NOT NULL, 
	stn INTEGER NOT NULL, 
	wd INTEGER, 
	ws DOUBLE, 
	gst_wd INTEGER, 
	gst_ws DOUBLE, 
	gst_tm INTEGER, 
	pa DOUBLE, 
	ps DOUBLE, 
	pt INTEGER, 
	pr DOUBLE, 
	ta DOUBLE, 
	td DOUBLE, 
	hm DOUBLE, 
	pv DOUBLE, 
	rn DOUBLE, 
	rn_day DOUBLE, 
	rn_jun DOUBLE, 
	rn_int DOUBLE, 
	sd_hr3 DOUBLE, 
	sd_day DOUBLE, 
	sd_tot DOUBLE, 
	wc INTEGER, 
	wp INTEGER, 
	ww VARCHAR(32), 
	ca_tot INTEGER, 
	ca_mid INTEGER, 
	ch_min INTEGER, 
	ct VARCHAR(32), 
	ct_top INTEGER, 
	ct_mid INTEGER, 
	ct_low INTEGER, 
	vs INTEGER, 
	ss DOUBLE, 
	si DOUBLE, 
	st_gd INTEGER, 
	ts DOUBLE, 
	te_005 DOUBLE, 
	te_01 DOUBLE, 
	te_02 DOUBLE, 
	te_03 DOUBLE, 
	st_sea INTEGER, 
	wh DOUBLE, 
	bf INTEGER, 
	ir INTEGER, 
	ix INTEGER, 
	fetch_id INTEGER NOT NULL, 
	PRIMARY KEY (tm_kst, stn)
);
CREATE TABLE aws_cloud (
	tm_kst DATETIME NOT NULL, 
	stn INTEGER NOT NULL, 
	ch_low INTEGER, 
	ch_mid INTEGER, 
	ch_top INTEGER, 
	ca_tot DOUBLE, 
	fetch_id INTEGER NOT NULL, 
	PRIMARY KEY (tm_kst, stn)
);
CREATE TABLE aws_ground_temperature (
	tm_kst DATETIME NOT NULL, 
	stn INTEGER NOT NULL, 
	ta DOUBLE, 
	hm DOUBLE, 
	td DOUBLE, 
	tg DOUBLE, 
	ts DOUBLE, 
	te005 DOUBLE, 
	te01 DOUBLE, 
	te02 DOUBLE, 
	te03 DOUBLE, 
	te05 DOUBLE, 
	te10 DOUBLE, 
	te15 DOUBLE, 
	te30 DOUBLE, 
	te50 DOUBLE, 
	pa DOUBLE, 
	ps DOUBLE, 
	fetch_id INTEGER NOT NULL, 
	PRIMARY KEY (tm_kst, stn)
);
CREATE TABLE aws_minute (
	tm_kst DATETIME NOT NULL, 
	stn INTEGER NOT NULL, 
	wd1 DOUBLE, 
	ws1 DOUBLE, 
	wds DOUBLE, 
	wss DOUBLE, 
	wd10 DOUBLE, 
	ws10 DOUBLE, 
	ta DOUBLE, 
	re DOUBLE, 
	rn_15m DOUBLE, 
	rn_60m DOUBLE, 
	rn_12h DOUBLE, 
	rn_day DOUBLE, 
	hm DOUBLE, 
	pa DOUBLE, 
	ps DOUBLE, 
	td DOUBLE, 
	fetch_id INTEGER NOT NULL, 
	PRIMARY KEY (tm_kst, stn)
);
INSERT INTO "aws_minute" VALUES('2025-01-15 12:01:00',90,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3);
INSERT INTO "aws_minute" VALUES('2025-01-15 12:01:00',108,NULL,NULL,NULL,NULL,NULL,NULL,-9.4,NULL,NULL,NULL,NULL,NULL,NULL,1014.8,NULL,NULL,4);
INSERT INTO "aws_minute" VALUES('2025-01-15 12:01:00',999,NULL,NULL,NULL,NULL,NULL,NULL,1.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3);
INSERT INTO "aws_minute" VALUES('2025-01-15 12:02:00',108,NULL,NULL,NULL,NULL,NULL,NULL,-9.2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3);
INSERT INTO "aws_minute" VALUES('2025-01-15 12:02:00',999,NULL,NULL,NULL,NULL,NULL,NULL,1.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3);
INSERT INTO "aws_minute" VALUES('2025-01-15 12:03:00',108,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3);
INSERT INTO "aws_minute" VALUES('2025-01-15 12:03:00',999,NULL,NULL,NULL,NULL,NULL,NULL,1.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3);
CREATE TABLE aws_present_weather (
	tm_kst DATETIME NOT NULL, 
	stn INTEGER NOT NULL, 
	s INTEGER, 
	n INTEGER, 
	ww1 INTEGER, 
	nn1 INTEGER, 
	fetch_id INTEGER NOT NULL, 
	PRIMARY KEY (tm_kst, stn)
);
INSERT INTO "aws_present_weather" VALUES('2025-01-15 12:01:00',108,2,2,61,3,5);
INSERT INTO "aws_present_weather" VALUES('2025-01-15 12:01:00',999,2,1,0,1,5);
INSERT INTO "aws_present_weather" VALUES('2025-01-15 12:02:00',108,2,1,0,1,5);
INSERT INTO "aws_present_weather" VALUES('2025-01-15 12:02:00',999,2,1,0,1,5);
CREATE TABLE aws_present_weather_code (
	tm_kst DATETIME NOT NULL, 
	stn INTEGER NOT NULL, 
	k INTEGER NOT NULL, 
	ww INTEGER, 
	nn INTEGER, 
	PRIMARY KEY (tm_kst, stn, k)
);
INSERT INTO "aws_present_weather_code" VALUES('2025-01-15 12:01:00',108,2,63,2);
CREATE TABLE aws_visibility (
	tm_kst DATETIME NOT NULL, 
	stn INTEGER NOT NULL, 
	s INTEGER, 
	vis1 INTEGER, 
	vis10 INTEGER, 
	ww1 INTEGER, 
	ww15 INTEGER, 
	fetch_id INTEGER NOT NULL, 
	PRIMARY KEY (tm_kst, stn)
);
CREATE TABLE completeness_hour (
	dataset VARCHAR(32) NOT NULL, 
	hour_kst DATETIME NOT NULL, 
	stn INTEGER NOT NULL, 
	present INTEGER NOT NULL, 
	blank INTEGER NOT NULL, 
	PRIMARY KEY (dataset, hour_kst, stn)
);
INSERT INTO "completeness_hour" VALUES('aws_minute','2025-01-15 13:00:00',90,0,1);
INSERT INTO "completeness_hour" VALUES('aws_minute','2025-01-15 13:00:00',108,2,1);
INSERT INTO "completeness_hour" VALUES('aws_minute','2025-01-15 13:00:00',999,3,0);
INSERT INTO "completeness_hour" VALUES('aws_present_weather','2025-01-15 13:00:00',108,2,0);
INSERT INTO "completeness_hour" VALUES('aws_present_weather','2025-01-15 13:00:00',999,2,0);
CREATE TABLE fetch (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	dataset VARCHAR(32) NOT NULL, 
	stn INTEGER NOT NULL, 
	tm_from DATETIME, 
	tm_to DATETIME, 
	fetched_at DATETIME NOT NULL, 
	http_status INTEGER, 
	outcome VARCHAR(32) NOT NULL, 
	sha256 VARCHAR(64), 
	bytes BIGINT NOT NULL, 
	rows INTEGER NOT NULL, 
	rejected INTEGER NOT NULL, 
	parser_version INTEGER NOT NULL, 
	key_id VARCHAR(12), 
	selection TEXT NOT NULL, 
	message TEXT, 
	lacking TEXT
);
INSERT INTO "fetch" VALUES(1,'station_AWS',0,NULL,NULL,'2025-01-15 12:00:00.000000',200,'ok','601469a0e42cfed8c0669dbc7fae0d2d0d135ae10f84e9abb9f02c617ce291aa',370,0,0,1,'0123456789ab','all',NULL,NULL);
INSERT INTO "fetch" VALUES(2,'station_SFC',0,NULL,NULL,'2025-01-15 12:01:00.000000',200,'ok','bece048388e95d65e17e605cea785c4c2efe82c0dff97122ae1a4d63ae7b9882',434,0,0,1,'0123456789ab','all',NULL,NULL);
INSERT INTO "fetch" VALUES(3,'aws_minute',0,'2025-01-15 12:00:00','2025-01-15 12:10:00','2025-01-15 12:15:00.000000',200,'ok','8545f0933c59549f11eb369ddf553effe0438182ad30f517cb87ee644bdcc593',948,7,0,1,'0123456789ab','all',NULL,NULL);
INSERT INTO "fetch" VALUES(4,'aws_minute',0,'2025-01-15 12:00:00','2025-01-15 12:10:00','2025-01-15 12:16:00.000000',200,'ok','596aec4c6781a57804ac33f357d4e847fa091b436558eeb9e7832e260528a41f',973,7,1,1,'0123456789ab','all',NULL,NULL);
INSERT INTO "fetch" VALUES(5,'aws_present_weather',0,'2025-01-15 12:00:00','2025-01-15 12:10:00','2025-01-15 12:15:00.000000',200,'ok','6b60a5092dbd6bea3a5413b650bf16ea218e6b372347289cb2f1fd4c2f135502',217,4,0,1,'0123456789ab','all',NULL,NULL);
CREATE TABLE rejected_line (
	id INTEGER NOT NULL, 
	fetch_id INTEGER NOT NULL, 
	dataset VARCHAR(32) NOT NULL, 
	tm_kst DATETIME, 
	stn INTEGER, 
	line INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "rejected_line" VALUES(1,4,'aws_minute','2025-01-15 12:05:00',77,10,'202501151205,77,kaputt,=','3 columns where 18 belong');
CREATE TABLE revision (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	dataset VARCHAR(32) NOT NULL, 
	tm_kst DATETIME NOT NULL, 
	stn INTEGER NOT NULL, 
	col VARCHAR(32) NOT NULL, 
	old_value VARCHAR(64), 
	new_value VARCHAR(64), 
	old_fetch INTEGER, 
	new_fetch INTEGER NOT NULL, 
	cause VARCHAR(8) NOT NULL, 
	changed_at DATETIME NOT NULL
);
INSERT INTO "revision" VALUES(1,'aws_minute','2025-01-15 12:01:00',108,'ta','-9.3','-9.4',3,4,'hub','2025-01-15 12:16:00.000000');
CREATE TABLE station (
	network VARCHAR(3) NOT NULL, 
	stn INTEGER NOT NULL, 
	valid_from DATETIME NOT NULL, 
	valid_to DATETIME, 
	lon DOUBLE, 
	lat DOUBLE, 
	stn_sp VARCHAR(128), 
	ht DOUBLE, 
	ht_pa DOUBLE, 
	ht_ta DOUBLE, 
	ht_wd DOUBLE, 
	ht_rn DOUBLE, 
	stn_ad INTEGER, 
	stn_ko VARCHAR(128), 
	stn_en VARCHAR(128), 
	fct_id VARCHAR(128), 
	law_id VARCHAR(128), 
	basin VARCHAR(128), 
	law_addr VARCHAR(128), 
	lau_id INTEGER, 
	PRIMARY KEY (network, stn, valid_from)
);
INSERT INTO "station" VALUES('AWS',90,'2025-01-15 12:00:00.000000',NULL,127.0,37.5,'----',10.0,NULL,NULL,1.0,NULL,1,'속초','Name 90',NULL,NULL,NULL,NULL,1);
INSERT INTO "station" VALUES('AWS',108,'2025-01-15 12:00:00.000000',NULL,127.0,37.5,'----',10.0,NULL,NULL,1.0,NULL,1,'서울','Name 108',NULL,NULL,NULL,NULL,1);
INSERT INTO "station" VALUES('SFC',90,'2025-01-15 12:01:00.000000',NULL,127.0,37.5,'----',10.0,1.0,1.0,1.0,1.0,1,'속초','Name 90',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "station" VALUES('SFC',108,'2025-01-15 12:01:00.000000',NULL,127.0,37.5,'----',10.0,1.0,1.0,1.0,1.0,1,'서울 *','Name 108',NULL,NULL,NULL,NULL,NULL);
CREATE INDEX fetch_window ON fetch (dataset, tm_to, stn);
CREATE INDEX fetch_when ON fetch (fetched_at);
CREATE INDEX revision_cell ON revision (dataset, stn, tm_kst);
CREATE INDEX ix_rejected_line_fetch_id ON rejected_line (fetch_id);
CREATE VIEW v_station AS
SELECT s.*, CASE WHEN (SELECT COUNT(*) FROM station b WHERE b.stn = s.stn AND b.valid_to IS NULL) > 1
            THEN 'AWS,SFC' ELSE s.network END AS networks
FROM station s
WHERE s.valid_to IS NULL
  AND (s.network = 'SFC' OR NOT EXISTS (
        SELECT 1 FROM station o WHERE o.stn = s.stn AND o.network = 'SFC' AND o.valid_to IS NULL));
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('fetch',5);
INSERT INTO "sqlite_sequence" VALUES('revision',1);
COMMIT;
