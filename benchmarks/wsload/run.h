#ifndef WSLOAD_RUN_H
#define WSLOAD_RUN_H

#include <stdarg.h>
#include <stdbool.h>

typedef struct { double connections_per_second; long rss_before_kb, rss_after_kb; } Setup;

Setup run(void);
bool report(const Setup *setup);

#endif
