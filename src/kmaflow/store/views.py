"""The views: what people query, made from the tables."""

from __future__ import annotations

#: One current row per station number: 97 numbers are in both lists; the ASOS row knows the barometer's height and is preferred.
V_STATION = """
CREATE VIEW v_station AS
SELECT s.*, CASE WHEN (SELECT COUNT(*) FROM station b WHERE b.stn = s.stn AND b.valid_to IS NULL) > 1
            THEN 'AWS,SFC' ELSE s.network END AS networks
FROM station s
WHERE s.valid_to IS NULL
  AND (s.network = 'SFC' OR NOT EXISTS (
        SELECT 1 FROM station o WHERE o.stn = s.stn AND o.network = 'SFC' AND o.valid_to IS NULL))
"""
