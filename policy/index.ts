import { PolicyPack } from "@pulumi/policy";
import { policies } from "./policies";

new PolicyPack("secrets-pipeline", { enforcementLevel: "mandatory", policies });
