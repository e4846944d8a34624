# lguest-run's command line and configuration file, with what every device adds to it; nothing is opened for real.
FUZZ_options := tests/fuzz/options.c $(filter-out run/config.c,$(OPTIONS_OBJS:.o=.c))
FUZZ_options_FLAGS := -Ikmod/include/uapi -Ibuild/include -Dopen=fuzz_open -Dgetpwnam=fuzz_getpwnam -Disatty=fuzz_isatty -Dgeteuid=fuzz_geteuid
# tests/fuzz/options.c includes it
$(B)/fuzz/options $(B)/fuzz-afl/options $(B)/fuzz-cmplog/options $(B)/fuzz-cov/options: run/config.c
