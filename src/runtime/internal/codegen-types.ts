export type { DescMethod, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
export type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
