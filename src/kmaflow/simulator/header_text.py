"""The Korean and English lines the hub prints before its rows, as text; `headers` puts them together.

Captured byte for byte: AWS, CLOUD_1, VIS_1, both station lists, and the ASOS names. Assumed, since no capture
exists: LST and WW1 (made in the style of aws2_min and vis), the unit line of CLOUD_0, and the title of
ASOS_HELP (modelled on the daily table's; the column texts are quoted by others).
"""

_DASHES = "#" + "-" * 98

AWS_HELP = (
    _DASHES,
    "#  WD1    : 1분 평균 풍향 (degree) : 0-N, 90-E, 180-S, 270-W, 360-무풍 ",
    "#  WS1    : 1분 평균 풍속 (m/s) ",
    "#  WDS    : 최대 순간 풍향 (degree) ",
    "#  WSS    : 최대 순간 풍속 (m/s) ",
    "#  WD10   : 10분 평균 풍향 (degree) ",
    "#  WS10   : 10분 평균 풍속 (m/s) ",
    "#  TA     : 1분 평균 기온 (C) ",
    "#  RE     : 강수감지 (0-무강수, 0이 아니면-강수) ",
    "#  RN-15m : 15분 누적 강수량 (mm) ",
    "#  RN-60m : 60분 누적 강수량 (mm) ",
    "#  RN-12H : 12시간 누적 강수량 (mm) ",
    "#  RN-DAY : 일 누적 강수량 (mm) ",
    "#  HM     : 1분 평균 상대습도 (%) ",
    "#  PA     : 1분 평균 현지기압 (hPa) ",
    "#  PS     : 1분 평균 해면기압 (hPa) ",
    "#  TD     : 이슬점온도 (C) ",
    "#  *) -50 이하면 관측이 없거나, 에러처리된 것을 표시 ",
    _DASHES,
)
CLOUD_HELP = (
    _DASHES,
    "#  CH_LOW : 하층 운고(m) : 7620m 이면 구름없음",
    "#  CH_MID : 중층 운고(m)",
    "#  CH_TOP : 상층 운고(m)",
    "#  CA_TOT : 전운량(%)",
    _DASHES,
)
VIS_HELP = (
    _DASHES,
    "#  S     : 장비구분 (1:안개관측망(먼저 설치), 2:첨단화장비)",
    "#  VIS1  : 1분 평균 시정(m)  : 샘플링은 1초간격(첨단화)",
    "#  VIS10 : 10분 평균 시정(m) : 안개관측망에서만 있음",
    "#  WW1   : 1분 순간 현천(코드)  : 샘플링은 1초간격(첨단화)",
    "#  WW15  : 15분 평균 현천(코드) : 안개관측망에서만 있음",
    _DASHES,
    "# 현천코드 : 0~2(맑음), 4(연무), 10(박무), 30(안개), 40~42(비), 50~59(안개비), 60~68(비), 71~76(눈)",
    _DASHES,
)
STATION_HELP = (
    _DASHES,
    "# STN_ID : 지점번호",
    "#    LON : 경도(degree) / LAT : 위도(degree)",
    "# STN_SP : 지점 특성코드",
    "#     HT : 노장 해발고도 (m)",
    "#  HT_PA : 기압계 해발고도 (m)",
    "#  HT_TA : 온도계 지상높이 (m)",
    "#  HT_WD : 풍향/풍속계 지상높이 (m)",
    "#  HT_RN : 우량계 지상높이 (m)",
    "# STN_CD : 지점코드 : 항공등에서 사용",
    "# STN_KO : 지점명(한글)",
    "# STN_EN : 지점명(영문)",
    "# STN_AD : 관리관서번호",
    "# FCT_ID : 예보구역코드",
    "# LAW_ID : 법정동코드",
    "#  BASIN : 수계코드",
    _DASHES,
)
ASOS_HELP = (
    _DASHES,
    "#  기상청 지상관측 시간자료 [입력인수형태][예] ?tm=201007151200&stn=0&help=1",
    _DASHES,
    "#  1. TM     : 관측시각 (KST)",
    "#  2. STN    : 국내 지점번호",
    "#  3. WD     : 풍향 (16방위)",
    "#  4. WS     : 풍속 (m/s)",
    "#  5. GST_WD : 돌풍향 (16방위)",
    "#  6. GST_WS : 돌풍속 (m/s)",
    "#  7. GST_TM : 돌풍속이 관측된 시각 (시분)",
    "#  8. PA     : 현지기압 (hPa)",
    "#  9. PS     : 해면기압 (hPa)",
    "# 10. PT     : 기압변화경향 (Code 0200)",
    "# 11. PR     : 기압변화량 (hPa)",
    "# 12. TA     : 기온 (C)",
    "# 13. TD     : 이슬점온도 (C)",
    "# 14. HM     : 상대습도 (%)",
    "# 15. PV     : 수증기압 (hPa)",
    "# 16. RN     : 강수량 (mm) : 여름철에는 1시간강수량, 겨울철에는 3시간강수량",
    "# 17. RN_DAY : 일강수량 (mm) : 해당시간까지 관측된 양(통계표)",
    "# 18. RN_JUN : 일강수량 (mm) : 해당시간까지 관측된 양을 전문으로 입력한 값(전문)",
    "# 19. RN_INT : 강수강도 (mm/h) : 관측하는 곳이 별로 없음",
    "# 20. SD_HR3 : 3시간 신적설 (cm) : 3시간 동안 내린 신적설의 높이",
    "# 21. SD_DAY : 일 신적설 (cm) : 00시00분부터 위 관측시간까지 내린 신적설의 높이",
    "# 22. SD_TOT : 적설 (cm) : 치우지 않고 그냥 계속 쌓이도록 놔눈 경우의 적설의 높이",
    "# 23. WC     : GTS 현재일기 (Code 4677)",
    "# 24. WP     : GTS 과거일기 (Code 4561) .. 3(황사),4(안개),5(가랑비),6(비),7(눈),8(소나기),9(뇌전)",
    "# 25. WW     : 국내식 일기코드 (문자열 22개) : 2자리씩 11개까지 기록 가능 (코드는 기상자원과 문의)",
    "# 26. CA_TOT : 전운량 (1/10)",
    "# 27. CA_MID : 중하층운량 (1/10)",
    "# 28. CH_MIN : 최저운고 (100m)",
    "# 29. CT     : 운형 (문자열 8개) : 2자리 코드로 4개까지 기록 가능",
    "# 30. CT_TOP : GTS 상층운형 (Code 0509)",
    "# 31. CT_MID : GTS 중층운형 (Code 0515)",
    "# 32. CT_LOW : GTS 하층운형 (Code 0513)",
    "# 33. VS     : 시정 (10m)",
    "# 34. SS     : 일조 (hr)",
    "# 35. SI     : 일사 (MJ/m2)",
    "# 36. ST_GD  : 지면상태 코드 (코드는 기상자원과 문의)",
    "# 37. TS     : 지면온도 (C)",
    "# 38. TE_005 : 5cm 지중온도 (C)",
    "# 39. TE_01  : 10cm 지중온도 (C)",
    "# 40. TE_02  : 20cm 지중온도 (C)",
    "# 41. TE_03  : 30cm 지중온도 (C)",
    "# 42. ST_SEA : 해면상태 코드 (코드는 기상자원과 문의)",
    "# 43. WH     : 파고 (m) : 해안관측소에서 목측한 값",
    "# 44. BF     : Beaufart 최대풍력(GTS코드)",
    "# 45. IR     : 강수자료 유무 (Code 1819) .. 1(Sec1에 포함), 2(Sec3에 포함), 3(무강수), 4(결측)",
    "# 46. IX     : 유인관측/무인관측 및 일기 포함여부 (code 1860) .. 1,2,3(유인) 4,5,6(무인) / 1,4(포함), 2,5(생략), 3,6(결측)",
    _DASHES,
)
LST_HELP = (
    _DASHES,
    "#  TA     : 1분 평균 기온 (C) ",
    "#  HM     : 1분 평균 상대습도 (%) ",
    "#  TD     : 이슬점온도 (C) ",
    "#  TG     : 초상온도 (C) ",
    "#  TS     : 지면온도 (C) ",
    "#  TE005  : 5cm 지중온도 (C) ",
    "#  TE01   : 10cm 지중온도 (C) ",
    "#  TE02   : 20cm 지중온도 (C) ",
    "#  TE03   : 30cm 지중온도 (C) ",
    "#  TE05   : 0.5m 지중온도 (C) ",
    "#  TE10   : 1.0m 지중온도 (C) ",
    "#  TE15   : 1.5m 지중온도 (C) ",
    "#  TE30   : 3.0m 지중온도 (C) ",
    "#  TE50   : 5.0m 지중온도 (C) ",
    "#  PA     : 1분 평균 현지기압 (hPa) ",
    "#  PS     : 1분 평균 해면기압 (hPa) ",
    "#  *) -50 이하면 관측이 없거나, 에러처리된 것을 표시 ",
    _DASHES,
)
WW1_HELP = (
    _DASHES,
    "#  S     : 장비구분 (1:안개관측망(먼저 설치), 2:첨단화장비)",
    "#  N     : 현천코드 종류의 수",
    "#  WW    : 현천(코드)",
    "#  NN    : 누적기간(range) 동안 그 현천의 횟수(분)",
    _DASHES,
    "# 현천코드 : 0~2(맑음), 4(연무), 10(박무), 30(안개), 40~42(비), 50~59(안개비), 60~68(비), 71~76(눈)",
    _DASHES,
)
AWS_NAMES = (
    (
        "# YYMMDDHHMI   STN    WD1    WS1    WDS    WSS   WS10   WS10     TA     RE RN-15m RN-60m RN-12H "
        "RN-DAY     HM     PA     PS     TD"
    ),
    (
        "#        KST    ID    deg    m/s    deg    m/s    deg    m/s      C      1     mm     mm     mm "
        "    mm      %    hPa    hPa     C"
    ),
)
CLOUD_1 = (
    "# YYMMDDHHMI,  STN,        LON.,       LAT., CH_LOW,CH_MID,CH_TOP,CA_TOT,=",
    "#        KST,   ID,       (deg),      (deg),    (m),   (m),   (m),   1/8,=",
)
VIS_1 = (
    "# YYMMDDHHMI,STN, LON., LAT.,S,VIS1,VIS10,WW1,WW15,=",
    "#        KST, ID,(deg),(deg), , (m),  (m),   ,    ,=",
)
CLOUD_0 = (
    "# YYMMDDHHMI   STN         LON.         LAT. CH_LOW CH_MID CH_TOP CA_TOT",
    "#        KST    ID        (deg)        (deg)    (m)    (m)    (m)    1/8",
)
VIS_0 = (
    "# YYMMDDHHMI   STN         LON.         LAT.  S   VIS1  VIS10    WW1   WW15",
    "#        KST    ID        (deg)        (deg)       (m)    (m)              ",
)
LST_NAMES = (
    (
        "# YYMMDDHHMI   STN     TA     HM     TD     TG     TS  TE005   TE01   TE02   TE03   TE05   TE10 "
        "  TE15   TE30   TE50     PA     PS"
    ),
    (
        "#        KST    ID      C      %      C      C      C      C      C      C      C      C      C "
        "     C      C      C    hPa    hPa"
    ),
)
WW1_NAMES = (
    "# YYMMDDHHMI,STN, LON., LAT.,S,N,WW1,NN1,WW2,NN2,...,=",
    "#        KST, ID,(deg),(deg), , ,   ,(min),   ,(min),...,=",
)
SFC_LIST_NAMES = (
    (
        "# STN           LON           LAT STN_SP          HT     HT_PA     HT_TA     HT_WD     HT_RN STN"
        " STN_KO               STN_EN               FCT_ID   LAW_ID    BASIN"
    ),
    (
        "#  ID         degee        degree --------         m         m         m         m         m  AD"
        " -------------------- -------------------- -------- ---------- ----"
    ),
)
AWS_LIST_NAMES = (
    (
        "# STN           LON           LAT STN_SP          HT     HT_WD  LAU STN STN_KO               STN"
        "_EN               FCT_ID   LAW_ID    BASIN"
    ),
    (
        "#  ID         degee        degree --------         m         m   ID  AD -------------------- ---"
        "----------------- -------- ---------- ----"
    ),
)
ASOS_NAMES = (
    (
        "# YYMMDDHHMI STN  WD   WS GST  GST  GST     PA     PS PT    PR    TA    TD    HM    PV     RN   "
        "  RN     RN     RN     SD     SD     SD WC WP WW                      CA  CA   CH CT        CT  "
        "CT  CT    VS   SS    SI ST    TS    TE    TE    TE    TE  ST   WH BF IR IX"
    ),
    (
        "#        KST  ID  16  m/s  WD   WS   TM    hPa    hPa  -   hPa     C     C     %   hPa     mm   "
        " DAY    JUN    INT    HR3    DAY    TOT -- -- ---------------------- TOT MID  MIN -------- TOP M"
        "ID LOW                  GD     C     5    10    20    30 SEA    m --  -  -"
    ),
)
ASOS_RULER = "#" + "".join(str(column % 10) for column in range(2, 255))
