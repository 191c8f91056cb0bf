// tcp(4)
#pragma once

#define TCP_NODELAY 1
#define TCP_MAXUNACKTIME 68
#define TCP_KEEPIDLE 256
#define TCP_KEEPINTVL 512
#define TCP_KEEPCNT 1024
