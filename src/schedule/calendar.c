#include "meetpool/schedule.h"
