#!/usr/bin/env node
import { serve } from "../base/index.js";
import { DopplerProvider, VERSION } from "./provider.js";

await serve({ name: "doppler", version: VERSION, provider: new DopplerProvider() });
