module voicehelper/gateway

go 1.26.0
