#include "meetpool/s3.h"
